// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from './eventually';
import { projectRoot } from './project-root';

export interface SpawnOptions {
  /** Path below the project root, such as 'services/registry/src/main.ts'. */
  file: string;
  args?: string[];
  /** Settings; merged over the few variables that a process needs (PATH, HOME). */
  env?: Record<string, string | undefined>;
}

/** A process under test: real, killable, with its output kept. */
export class KilledProcess {
  private text = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(private readonly options: SpawnOptions) {
    const root = projectRoot();
    const { PATH, HOME, TMPDIR } = process.env;
    this.child = spawn(
      process.execPath,
      ['--require', join(root, 'libs/testing/ts-hook.cjs'), join(root, options.file), ...(options.args ?? [])],
      { cwd: root, env: { PATH, HOME, TMPDIR, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const keep = (chunk: Buffer): void => {
      this.text = (this.text + chunk.toString()).slice(-1_000_000);
    };
    this.child.stdout?.on('data', keep);
    this.child.stderr?.on('data', keep);
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve({ code, signal })));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get output(): string {
    return this.text;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until the output contains this; fails at once, with the output, when the process ends first. */
  async said(what: string | RegExp, timeoutMs = 20_000): Promise<void> {
    await eventually(
      () => {
        if (typeof what === 'string' ? this.text.includes(what) : what.test(this.text)) return true;
        if (!this.isRunning) throw new Error(`${this.options.file} ended before it said ${what}:\n${this.text.slice(-4_000)}`);
        return false;
      },
      { timeoutMs: this.isRunning ? timeoutMs : 0 },
    );
  }

  /** Freezes (SIGSTOP) or wakes (SIGCONT) it, as a paused virtual machine. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  /** Ends it at once, without any goodbye. */
  async kill(): Promise<void> {
    if (this.isRunning) this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to end (SIGTERM) and gives its exit code; kills it, and fails, after `timeoutMs`. */
  async stop(timeoutMs = 30_000): Promise<number | null> {
    if (this.isRunning) this.child.kill('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`${this.options.file} did not stop within ${timeoutMs} ms:\n${this.text.slice(-4_000)}`));
      }, timeoutMs);
    });
    try {
      return (await Promise.race([this.ended, late])).code;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Starts a TypeScript file of this project as a process of its own. */
export function spawnProcess(options: SpawnOptions): KilledProcess {
  return new KilledProcess(options);
}

/** Starts a service by name, from the sources, with settings by environment only. */
export function spawnService(service: string, env: Record<string, string | undefined>): KilledProcess {
  return new KilledProcess({ file: `services/${service}/src/main.ts`, env });
}
