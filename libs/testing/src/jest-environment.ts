// SPDX-License-Identifier: Apache-2.0
import { Server, Socket } from 'node:net';
import { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

const GRACE_MS = 2_000;

/**
 * The node environment, plus one rule: a spec file that leaves a server, a connection (so a pool or a consumer) or a child
 * process open fails. Looks at what keeps the event loop alive, so it needs no help from the code under test.
 */
export default class LeakCheckingEnvironment extends TestEnvironment {
  private before = new Set<unknown>();

  override async setup(): Promise<void> {
    await super.setup();
    this.before = new Set(openHandles());
  }

  async handleTestEvent(event: { name: string }): Promise<void> {
    if (event.name !== 'run_finish') return;
    const end = performance.now() + GRACE_MS;
    let left = this.leftovers();
    while (left.length > 0 && performance.now() < end) {
      await delay(20); // closing takes the event loop a few turns
      left = this.leftovers();
    }
    if (left.length > 0) throw new Error(`This spec file left open: ${left.map(describe).join(', ')}. Close it in afterAll.`);
  }

  private leftovers(): unknown[] {
    return openHandles().filter((handle) => !this.before.has(handle));
  }
}

function openHandles(): unknown[] {
  // Undocumented but stable since Node 0.x, and the only list that has the objects; getActiveResourcesInfo has only names.
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  return handles.filter(
    (handle) =>
      handle instanceof Server ||
      handle instanceof ChildProcess ||
      (handle instanceof Socket && (handle.connecting || handle.remotePort !== undefined)),
  );
}

function describe(handle: unknown): string {
  if (handle instanceof ChildProcess) return `child process ${handle.pid} (${handle.spawnfile})`;
  if (handle instanceof Server) return `server on ${JSON.stringify(handle.address())}`;
  const socket = handle as Socket;
  return `connection ${socket.localPort} -> ${socket.remoteAddress}:${socket.remotePort}`;
}
