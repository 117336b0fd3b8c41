// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';

/** Calls of this process at one time. */
export const CALLS_MAX = 32;
/** Of one workspace: its receivers may hang, others' calls go on beside them. */
export const WORKSPACE_CALLS_MAX = 4;
const TURNS_MAX = 10_000;
/** A receiver that answers at all does so within this; what is broken off later than this is repeated by another process. */
const GRACE_MS = 2_000;

/** The calls in flight: how many there may be, whose turn it is, and their end when the process stops. */
@Injectable()
export class WebhookCalls {
  /** Told whenever a call has ended. */
  onEnd?: () => void;
  private readonly breakOff = new AbortController();
  private readonly running = new Set<Promise<void>>();
  private readonly counts = new Map<string, number>();
  /** The last turn of each workspace, the oldest first. */
  private readonly turns = new Map<string, number>();
  private turn = 0;
  private closed = false;

  constructor(private readonly clock: Clock) {}

  /** Those of the workspaces that may have another call, the one whose last call began longest ago first. */
  inTurn(workspaces: readonly string[]): string[] {
    const turnOf = (workspace: string): number => this.turns.get(workspace) ?? 0;
    return workspaces.filter((each) => this.hasRoom(each)).sort((a, b) => turnOf(a) - turnOf(b));
  }

  hasRoom(workspace: string): boolean {
    return !this.closed && this.running.size < CALLS_MAX && (this.counts.get(workspace) ?? 0) < WORKSPACE_CALLS_MAX;
  }

  /** Starts a call, which must not reject; the signal tells it to break off. */
  start(workspace: string, call: (signal: AbortSignal) => Promise<void>): void {
    this.turns.delete(workspace);
    this.turns.set(workspace, (this.turn += 1));
    // Who is forgotten waits longest, and comes first as one that was never here does.
    if (this.turns.size > TURNS_MAX) this.turns.delete(this.turns.keys().next().value!);
    this.counts.set(workspace, (this.counts.get(workspace) ?? 0) + 1);
    const run = call(this.breakOff.signal).finally(() => {
      this.running.delete(run);
      const left = (this.counts.get(workspace) ?? 1) - 1;
      if (left > 0) this.counts.set(workspace, left);
      else this.counts.delete(workspace);
      this.onEnd?.();
    });
    this.running.add(run);
  }

  /** When all calls that are in flight now have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.running);
  }

  /** There is no room from now on; one that was claimed just now may still be started. */
  takeNoMore(): void {
    this.closed = true;
  }

  /** Leaves those in flight a moment to end well, and breaks the others off. */
  async close(): Promise<void> {
    this.takeNoMore();
    const allEnded = new AbortController();
    const ended = this.ended().then(() => allEnded.abort());
    await this.clock.sleepUnlessAborted(GRACE_MS, allEnded.signal);
    this.breakOff.abort();
    await ended;
  }
}
