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

type Opened = Server | Socket | ChildProcess;

/** What was opened in this process, whichever copy of this file jest has loaded. */
const registry = Symbol.for('millrace.opened');

/**
 * Notes every server, connection and child process when it is opened. `process._getActiveHandles()` would list them, but it ends
 * the process with a failed assertion of Node when a handle's object was just collected.
 */
function opened(): Set<WeakRef<Opened>> {
  const shared = globalThis as unknown as Record<symbol, Set<WeakRef<Opened>> | undefined>;
  let known = shared[registry];
  if (known) return known;
  const made = new Set<WeakRef<Opened>>();
  known = shared[registry] = made;
  const openers: [object, string][] = [
    [Server.prototype, 'listen'],
    [Socket.prototype, 'connect'],
    [ChildProcess.prototype, 'spawn'],
  ];
  for (const [prototype, name] of openers) {
    const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
    const original = methods[name];
    methods[name] = function (this: Opened, ...args: unknown[]): unknown {
      made.add(new WeakRef(this));
      return original.apply(this, args);
    };
  }
  return known;
}

// Those that keep the event loop alive now.
function openHandles(): Opened[] {
  const open: Opened[] = [];
  for (const reference of opened()) {
    const handle = reference.deref();
    if (!handle || isOver(handle)) opened().delete(reference);
    else if (keepsAlive(handle)) open.push(handle);
  }
  return open;
}

function isOver(handle: Opened): boolean {
  if (handle instanceof Socket) return handle.destroyed;
  if (handle instanceof ChildProcess) return handle.exitCode !== null || handle.signalCode !== null;
  return false;
}

function keepsAlive(handle: Opened): boolean {
  if (handle instanceof Server && !handle.listening) return false;
  if (handle instanceof Socket && !handle.connecting && handle.remotePort === undefined) return false;
  const { _handle: inner } = handle as unknown as { _handle?: { hasRef?(): boolean } | null };
  return inner?.hasRef?.() !== false;
}

function describe(handle: unknown): string {
  if (handle instanceof ChildProcess) return `child process ${handle.pid} (${handle.spawnfile})`;
  if (handle instanceof Server) return `server on ${JSON.stringify(handle.address())}`;
  const socket = handle as Socket;
  return `connection ${socket.localPort} -> ${socket.remoteAddress}:${socket.remotePort}`;
}
