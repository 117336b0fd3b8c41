// SPDX-License-Identifier: Apache-2.0
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from './clock';

/** When the call being served must have ended. */
export interface ActiveDeadline {
  at: Date;
  // Durations are counted on the monotonic clock, so that a step of the wall clock neither ends nor prolongs a call.
  endsAtMonotonicMs: number;
  clock: Clock;
}

/** Position in a distributed trace, as in W3C Trace Context. */
export interface TracePosition {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits: the current span. */
  readonly spanId: string;
  readonly sampled: boolean;
}

/** What goes with the asynchronous work of a call. */
export interface Ambient {
  readonly deadline: ActiveDeadline | undefined;
  readonly trace: TracePosition | undefined;
}

const NOTHING: Ambient = { deadline: undefined, trace: undefined };

// One store for all of it: Node carries every store along with every promise and handle, and each costs a copy there.
const storage = new AsyncLocalStorage<Ambient>();

export function currentAmbient(): Ambient {
  return storage.getStore() ?? NOTHING;
}

/** Runs `fn`, and everything it starts, with this. Most callers want `runWithDeadline` and `runInSpan`. */
export function runWithAmbient<T>(ambient: Ambient, fn: () => T): T {
  return storage.run(ambient, fn);
}
