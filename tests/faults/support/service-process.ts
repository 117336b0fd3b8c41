// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '#libs/testing';
import type { ProcessName } from '../../../deploy/local/processes';
import { waitFor } from './wait';

export interface ServiceProcessOptions {
  service: ProcessName;
  httpPort: number;
  grpcPort: number;
  env: Record<string, string>;
  logFile: string;
  /** Folder of another build's `dist`; default ours. */
  distRoot?: string;
  /** Wrapper in front of node, such as ['faketime', '-f', '+1h']; it must replace itself by the program (exec). */
  command?: string[];
  /** False: it is no address of its service for those who send requests. */
  takesTraffic?: boolean;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One built service as a process of its own, on ports that it keeps over restarts. */
export class ServiceProcess {
  readonly service: ProcessName;
  ended: Promise<Ended>;
  /** When it ended by SIGKILL, by performance.now(). */
  env: Record<string, string>;
  private child: ChildProcess;

  constructor(private readonly options: ServiceProcessOptions) {
    this.service = options.service;
    this.env = options.env;
    ({ child: this.child, ended: this.ended } = this.launch());
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.options.httpPort}`;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${this.options.grpcPort}`;
  }

  get takesTraffic(): boolean {
    return this.options.takesTraffic !== false;
  }

  get logFile(): string {
    return this.options.logFile;
  }

  /** All that it wrote since the lab began, restarts included. */
  get output(): string {
    return readFileSync(this.options.logFile, 'utf8');
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** True when it runs with another environment than the lab gave it. */
  get isChanged(): boolean {
    return this.env !== this.options.env && JSON.stringify(this.env) !== JSON.stringify(this.options.env);
  }

  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' = 'SIGKILL'): void {
    if (this.isRunning) this.child.kill(signal);
  }

  /** Waits until it says that it is ready; fails with the end of its log when it ends first. */
  async ready(timeoutMs = 90_000): Promise<void> {
    await waitFor(`${this.service} to be ready`, () => this.isRunning === false || this.answersReady(), { timeoutMs });
    if (!this.isRunning) throw new Error(`${this.service} ended during its start:\n${this.output.slice(-3_000)}`);
  }

  /** True when /health/ready answers 200. */
  async answersReady(): Promise<boolean> {
    const response = await fetch(`${this.httpUrl}/health/ready`, { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 300)}`);
    return true;
  }

  /** SIGTERM, and SIGKILL after 40 s. `seconds`: how long it took. */
  async stop(): Promise<{ code: number | null; seconds: number }> {
    const startedMs = performance.now();
    this.kill('SIGCONT');
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), 40_000);
    const { code } = await this.ended;
    clearTimeout(timer);
    return { code, seconds: (performance.now() - startedMs) / 1000 };
  }

  /** Starts it again on the same ports (killed first when it runs), with these variables over its own, and waits until it is ready. */
  async restart(env?: Record<string, string>): Promise<void> {
    await this.relaunch(env);
    await this.ready();
  }

  /** The same without waiting for it to be ready. */
  async relaunch(env?: Record<string, string>): Promise<void> {
    if (this.isRunning) {
      this.kill('SIGKILL');
      await this.ended;
    }
    if (env) this.env = { ...this.options.env, ...env };
    ({ child: this.child, ended: this.ended } = this.launch());
  }

  private launch(): { child: ChildProcess; ended: Promise<Ended> } {
    const { service, distRoot, command = [], httpPort, grpcPort, logFile } = this.options;
    const script = join(distRoot ?? join(projectRoot(), 'dist'), 'services', service, 'src', 'main.js');
    if (!existsSync(script)) throw new Error(`${script} is missing: build first`);
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, 'a');
    const [program, ...args] = [...command, process.execPath, '--enable-source-maps', script];
    const { PATH, HOME, TMPDIR } = process.env;
    const child = spawn(program, args, {
      cwd: dirname(logFile),
      env: { PATH, HOME, TMPDIR, ...this.env, HTTP_PORT: String(httpPort), GRPC_PORT: String(grpcPort) },
      // The channel ends the service in order when this process dies, however it dies.
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
    });
    closeSync(log);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    return { child, ended };
  }
}
