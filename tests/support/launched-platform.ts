// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeEmbeddedPostgres } from '#libs/embedded-postgres';
import { eventually, projectRoot } from '#libs/testing';
import { grpcPort, httpPort, type ProcessName, type ServiceName } from '../../deploy/local/processes';

/** A program of the built tree, with its output kept. */
export class BuiltProgram {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(file: string, args: string[], env: Record<string, string> = {}) {
    const path = join(projectRoot(), 'dist', file);
    if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build first`);
    const { PATH, HOME, TMPDIR } = process.env;
    this.child = spawn(process.execPath, [path, ...args], { cwd: projectRoot(), env: { PATH, HOME, TMPDIR, ...env } });
    const keep = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number {
    return this.child.pid as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until the output contains the text; fails with the output when the program ends first. */
  async said(text: string, timeoutMs: number): Promise<void> {
    await eventually(
      () => {
        if (this.output.includes(text)) return true;
        if (!this.isRunning) throw new Error(`ended before it said ${JSON.stringify(text)}:\n${this.output}`);
        return false;
      },
      { timeoutMs: this.isRunning ? timeoutMs : 0, intervalMs: 100 },
    );
  }
}

/** A local platform in a folder of its own, as `npm start` makes it. */
export class LaunchedPlatform {
  private constructor(
    readonly program: BuiltProgram,
    readonly home: string,
    readonly portBase: number,
  ) {}

  static async start(args: string[] = [], env: Record<string, string> = {}, home = temporaryHome()): Promise<LaunchedPlatform> {
    const portBase = await freePortBase();
    const program = new BuiltProgram('deploy/local/main.js', ['--home', home, '--port-base', String(portBase), ...args], env);
    await program.said('Ready in', 90_000);
    return new LaunchedPlatform(program, home, portBase);
  }

  /** HTTP address of a process: `http://127.0.0.1:<port>`. */
  http(name: ProcessName): string {
    return `http://127.0.0.1:${httpPort(this.portBase, name)}`;
  }

  /** gRPC address of a service: host:port. */
  grpc(name: ServiceName): string {
    return `127.0.0.1:${grpcPort(this.portBase, name)}`;
  }

  /** Ctrl-C, then removes the data unless it shall be used again. Returns the exit code. */
  async stop({ keepData = false } = {}): Promise<number | null> {
    this.program.kill('SIGINT');
    const code = await this.program.ended;
    if (!keepData) removeHome(this.home);
    return code;
  }
}

/** Removes a stopped platform's data; that of its Postgres may lie elsewhere (see libs/embedded-postgres). */
export function removeHome(home: string): void {
  removeEmbeddedPostgres(join(home, 'postgres'));
  rmSync(home, { recursive: true, force: true });
}

export function temporaryHome(): string {
  return mkdtempSync(join(tmpdir(), 'millrace-home-'));
}

/**
 * A base port whose whole range is free now. Ranges of 200 from 20000 on, so that suites side by side do not collide, and below
 * 32768, where Linux takes the ports of outgoing connections from: one of those would keep a process from starting.
 */
export async function freePortBase(): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const base = 20_000 + 200 * Math.floor(Math.random() * 63);
    const offsets = [0, 1, 2, 3, 4, 5, 20, 32, 100, 101, 102, 103, 104, 105];
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free range of ports was found in 50 tries');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
