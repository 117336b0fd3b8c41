// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process to keep running. */
export interface ChildSpec {
  name: string;
  /** Compiled entry point. */
  script: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
  readyUrl: string;
}

export interface SupervisorOptions {
  /** First wait before a restart, doubled up to the largest. */
  restartFirstMs: number;
  restartMaxMs: number;
  report: (line: string) => void;
}

/** Exit code of a process whose settings are wrong: restarting cannot help. */
const EXIT_CONFIGURATION = 78;

interface Child {
  spec: ChildSpec;
  process?: ChildProcess;
  restarts: number;
  startedAt: number;
  failed?: string;
  restartTimer?: NodeJS.Timeout;
}

/** Starts children, restarts a crashed one with back-off, stops all on demand. */
export class Supervisor {
  private readonly children = new Map<string, Child>();
  private stopping = false;

  constructor(private readonly options: SupervisorOptions) {}

  start(spec: ChildSpec): void {
    const child: Child = { spec, restarts: 0, startedAt: 0 };
    this.children.set(spec.name, child);
    this.launch(child);
  }

  /** Process id of a running child. */
  pid(name: string): number | undefined {
    return this.children.get(name)?.process?.pid;
  }

  /** Waits until every child says ready; names those that do not. */
  async waitUntilReady(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    await Promise.all([...this.children.values()].map((child) => this.waitForOne(child, deadline, signal)));
  }

  /** SIGTERM to all, SIGKILL to those still there after the grace time. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    const running = [...this.children.values()];
    for (const child of running) clearTimeout(child.restartTimer);
    await Promise.all(running.map((child) => stopProcess(child.process, graceMs)));
  }

  private async waitForOne(child: Child, deadline: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      if (child.failed) throw new Error(`${child.spec.name} ${child.failed}: see ${child.spec.logFile}`);
      if (this.stopping) throw new Error('stopped while starting');
      if (await answersReady(child.spec.readyUrl)) return;
      if (Date.now() > deadline) throw new Error(`${child.spec.name} was not ready in time: see ${child.spec.logFile}`);
      await delay(100);
    }
  }

  private launch(child: Child): void {
    const log = openSync(child.spec.logFile, 'a');
    child.startedAt = Date.now();
    child.process = spawn(process.execPath, ['--enable-source-maps', child.spec.script], {
      env: child.spec.env,
      stdio: ['ignore', log, log, 'ipc'],
      // A Ctrl-C of the terminal goes to us alone: we stop the children in order.
      detached: true,
    });
    closeSync(log);
    child.process.once('exit', (code, signal) => this.onExit(child, code, signal));
  }

  private onExit(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.stopping) return;
    const how = signal ? `was killed by ${signal}` : `ended with code ${code}`;
    if (code === EXIT_CONFIGURATION) {
      child.failed = 'refused its settings';
      this.options.report(`${child.spec.name} refused its settings: see ${child.spec.logFile}`);
      return;
    }
    // A child that ran for a minute was healthy: its next crash starts the back-off anew.
    if (Date.now() - child.startedAt > 60_000) child.restarts = 0;
    const waitMs = Math.min(this.options.restartMaxMs, this.options.restartFirstMs * 2 ** child.restarts);
    child.restarts += 1;
    this.options.report(`${child.spec.name} ${how}; restart in ${waitMs} ms (see ${child.spec.logFile})`);
    child.restartTimer = setTimeout(() => this.launch(child), waitMs);
  }
}

async function answersReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    // Not listening yet, or slow: both mean "ask again"; what went wrong is in the child's log.
    return false;
  }
}

async function stopProcess(process: ChildProcess | undefined, graceMs: number): Promise<void> {
  if (!process || process.exitCode !== null || process.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => process.once('exit', () => resolve()));
  process.kill('SIGTERM');
  const timer = setTimeout(() => process.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(timer);
}
