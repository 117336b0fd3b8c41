// SPDX-License-Identifier: Apache-2.0
import { currentAmbient, pooledRandomBytes, runWithAmbient, type TracePosition } from '#libs/clock';

/** Position in a distributed trace, as in W3C Trace Context. */
export type Trace = TracePosition;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a W3C traceparent header; undefined when it is missing or malformed (then a new trace starts, as the standard says). */
export function parseTraceparent(header: string | undefined): Trace | undefined {
  const match = TRACEPARENT.exec(header ?? '');
  if (!match) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  if (version === 'ff' || (version === '00' && rest) || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId: traceId, spanId: spanId, sampled: (parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent(trace: Trace): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;
}

/** A trace position of our own: the start of a new trace, or a new span below `parent`. */
export function newTrace(parent?: Trace): Trace {
  return {
    traceId: parent?.traceId ?? pooledRandomBytes(16).toString('hex'),
    spanId: pooledRandomBytes(8).toString('hex'),
    sampled: parent?.sampled ?? true,
  };
}

/**
 * `newTrace` whose ids are made when somebody first asks for them: without an exporter most calls end before anybody has logged or
 * called onward.
 */
export class DeferredTrace implements Trace {
  private made?: Trace;

  /** Below `parent`: a position, or the header of a caller (malformed or missing: a new trace). */
  constructor(private parent: Trace | string | undefined) {}

  get traceId(): string {
    return this.position().traceId;
  }

  get spanId(): string {
    return this.position().spanId;
  }

  get sampled(): boolean {
    return this.position().sampled;
  }

  private position(): Trace {
    if (this.made) return this.made;
    this.made = newTrace(typeof this.parent === 'string' ? parseTraceparent(this.parent) : this.parent);
    this.parent = undefined;
    return this.made;
  }
}

/** The trace of the call being served, or undefined outside of any. */
export function currentTrace(): Trace | undefined {
  return currentAmbient().trace;
}

/** The header to send onward (HTTP, gRPC metadata, event header), or undefined outside of any trace. */
export function traceparent(): string | undefined {
  const trace = currentTrace();
  return trace && formatTraceparent(trace);
}

/** Runs `fn` at this very position. Most callers want `runInSpan`. */
export function runAtTrace<T>(trace: Trace | undefined, fn: () => T): T {
  return runWithAmbient({ deadline: currentAmbient().deadline, trace }, fn);
}
