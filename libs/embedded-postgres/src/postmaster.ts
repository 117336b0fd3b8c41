// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Layout } from './layout';

/** What `postmaster.pid` says: line 1 process id, 4 port, 8 status ("ready" once connections are accepted). */
interface Postmaster {
  pid: number;
  port: number;
  ready: boolean;
}

/** True while that process exists and is no zombie (a zombie still answers signal 0). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const status = `/proc/${pid}/status`;
  if (process.platform !== 'linux' || !existsSync(status)) return process.platform !== 'linux';
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(status, 'utf8'));
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false; // ended meanwhile
    throw error;
  }
}

export function readPostmaster(layout: Layout): Postmaster | undefined {
  try {
    const lines = readFileSync(join(layout.data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), ready: (lines[7] ?? '').trim() === 'ready' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Resolves with the postmaster's process id, or throws with the end of its log. */
export async function waitUntilReady(wait: { layout: Layout; child: ChildProcess; timeoutMs: number }): Promise<number> {
  const { layout, child, timeoutMs } = wait;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const postmaster = readPostmaster(layout);
    if (postmaster?.ready && isAlive(postmaster.pid)) return postmaster.pid;
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (ended || performance.now() > end) {
      child.stdio[3]?.destroy(); // the guard stops whatever did start
      const log = readFileSync(layout.log, 'utf8').slice(-2_000);
      throw new Error(`Postgres ${ended ? 'ended during start' : `was not ready within ${timeoutMs} ms`}:\n${log}`);
    }
    await delay(10);
  }
}
