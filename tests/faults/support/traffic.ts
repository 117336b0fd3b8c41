// SPDX-License-Identifier: Apache-2.0
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultLab } from './fault-lab';
import { trafficKinds, type Operation, type TrafficKind } from './operation';

import type { History } from './history';
import type { Answer, Door } from './doors/door';
import { AliasesDoor } from './doors/aliases';
import { FeedbackDoor } from './doors/feedback';
import { InferencesDoor } from './doors/inferences';
import { JobsDoor } from './doors/jobs';
import { UploadsDoor } from './doors/uploads';
import { OutOfPatience } from './wait';

/** Requests per second of each kind. Low on purpose: a fault test asks whether, not how fast. */
const RATES: Record<TrafficKind, number> = { feedback: 4, uploads: 2, inferences: 4, aliases: 2, jobs: 0.1 };
/** Requests of one kind that wait for their answer; beyond it the kind waits. */
const WAITING_MAX = 8;
const RETRY_MS = 250;

export type { Operation } from './operation';

export interface TrafficOptions {
  lab: FaultLab;
  workspace: string;
  history: History;
  random: () => number;
  kinds?: readonly TrafficKind[];
}

/**
 * Steady traffic through the public doors. A request whose answer is lost or "later" is repeated under the same request id
 * until it is answered or the traffic stops.
 */
export class Traffic {
  readonly operations: Operation[] = [];
  /** Every try that was not answered for good: where it went, and why. */
  readonly failures: { kind: TrafficKind; origin: string; code: string }[] = [];
  readonly kinds: readonly TrafficKind[];
  private readonly rates = { ...RATES };
  private readonly doors: Record<TrafficKind, Door>;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[] = [];
  private readonly failingSinceMs = new Map<TrafficKind, number>();
  private longestMs = 0;
  private count = 0;

  constructor(private readonly options: TrafficOptions) {
    const { lab, workspace } = options;
    setMaxListeners(0, this.stopping.signal); // every waiting request listens
    const sent: string[] = [];
    this.kinds = options.kinds ?? trafficKinds;
    const caller = { lab, workspace, random: options.random };
    this.doors = {
      feedback: new FeedbackDoor(caller, sent),
      uploads: new UploadsDoor(caller),
      inferences: new InferencesDoor(caller, sent),
      aliases: new AliasesDoor(caller),
      jobs: new JobsDoor(caller),
    };
  }

  /** Prepares what the doors need (a model, an endpoint, rows) and starts. */
  async start(): Promise<void> {
    for (const kind of this.kinds) await this.doors[kind].prepare();
    for (const kind of this.kinds) this.running.push(this.drive(kind));
  }

  setRate(kind: TrafficKind, perSecond: number): void {
    this.rates[kind] = perSecond;
  }

  /** No new requests; those under way get `graceMs` to be answered. */
  async stop(graceMs = 30_000): Promise<void> {
    const timer = setTimeout(() => this.stopping.abort(), graceMs);
    this.noNew = true;
    await Promise.all(this.running);
    clearTimeout(timer);
    for (const kind of this.kinds) await this.doors[kind].close();
  }

  /** Longest time for which a kind of request went unanswered, in seconds: from a try, failed or slow, to the next answer. */
  get longestUnavailabilitySeconds(): number {
    return this.longestMs / 1000;
  }

  acknowledged(kind?: TrafficKind): Operation[] {
    return this.operations.filter((each) => each.outcome === 'acknowledged' && (kind === undefined || each.kind === kind));
  }

  /** Resolves when each kind (or those named) had a request acknowledged that was sent after this call. */
  async flows({
    kinds = this.kinds,
    timeoutMs = 60_000,
  }: { kinds?: readonly TrafficKind[]; timeoutMs?: number } = {}): Promise<void> {
    const sinceMs = performance.now();
    for (const kind of kinds) this.wanted.add(kind);
    const missing = (): TrafficKind[] =>
      kinds.filter(
        (kind) => this.rates[kind] > 0 && !this.acknowledged(kind).some((operation) => operation.startedMs >= sinceMs),
      );
    for (const endMs = sinceMs + timeoutMs; missing().length > 0; await delay(50)) {
      if (performance.now() > endMs) {
        const codes = this.operations.slice(-5).map(({ kind, outcome, code }) => `${kind} ${outcome} ${code ?? ''}`);
        throw new OutOfPatience(`no ${missing().join(', ')} were answered within ${timeoutMs} ms; last: ${codes.join('; ')}`);
      }
    }
  }

  private noNew = false;
  /** Kinds that somebody waits for: the next request of a rare kind does not wait for its turn. */
  private readonly wanted = new Set<TrafficKind>();

  private async drive(kind: TrafficKind): Promise<void> {
    const waiting = new Set<Promise<void>>();
    const door = this.doors[kind];
    while (!this.noNew) {
      const pauseMs = this.rates[kind] > 0 ? (1000 / this.rates[kind]) * (0.5 + this.options.random()) : 200;
      for (const endMs = performance.now() + Math.min(pauseMs, 15_000); this.pauses(kind, endMs);) {
        await this.sleep(Math.min(endMs - performance.now(), 200));
      }
      this.wanted.delete(kind);
      if (this.noNew || this.rates[kind] <= 0 || waiting.size >= Math.min(WAITING_MAX, door.waitingMax)) continue;
      const operation = this.operate(kind, door);
      waiting.add(operation);
      void operation.finally(() => waiting.delete(operation));
    }
    await Promise.all(waiting);
  }

  private pauses(kind: TrafficKind, endMs: number): boolean {
    return performance.now() < endMs && !this.noNew && !(this.wanted.has(kind) && this.rates[kind] > 0);
  }

  private async operate(kind: TrafficKind, door: Door): Promise<void> {
    this.count += 1;
    const requestId = `${this.options.workspace}-${kind}-${this.count}`;
    const request = door.next(requestId);
    const operation: Operation = {
      kind,
      requestId,
      outcome: 'unknown',
      ids: {},
      tries: 0,
      startedMs: performance.now(),
      endedMs: 0,
    };
    do {
      operation.tries += 1;
      const triedMs = performance.now();
      const answer: Answer = await door
        .send(request)
        .catch((error: unknown) => ({ outcome: 'unknown' as const, code: codeOf(error) }));
      if (answer.outcome === 'unknown') this.failures.push({ kind, origin: answer.origin ?? '', code: answer.code ?? '' });
      delete answer.origin;
      Object.assign(operation, answer);
      this.watch(kind, operation.outcome, triedMs);
      if (answer.outcome !== 'unknown' || !door.repeats) break;
      await this.sleep(RETRY_MS);
    } while (!this.stopping.signal.aborted);
    operation.endedMs = performance.now();
    this.operations.push(operation);
    door.ended(operation);
    const { startedMs, endedMs, ...record } = operation;
    this.options.history.write({ ...record, ms: Math.round(endedMs - startedMs) });
  }

  private watch(kind: TrafficKind, outcome: Operation['outcome'], triedMs: number): void {
    const since = this.failingSinceMs.get(kind);
    if (outcome === 'unknown') {
      if (since === undefined) this.failingSinceMs.set(kind, triedMs);
      return;
    }
    this.failingSinceMs.delete(kind);
    // An answer that took long was missed as long as one that had to be asked for again.
    this.longestMs = Math.max(this.longestMs, performance.now() - Math.min(since ?? triedMs, triedMs));
  }

  private async sleep(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

function codeOf(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string } };
  return `${cause?.code ?? name}: ${message}`;
}
