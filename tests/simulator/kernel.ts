// SPDX-License-Identifier: Apache-2.0
import { Clock, Ids, seededRandom } from '#libs/clock';

interface Entry {
  atMs: number;
  sequence: number;
  fn?: () => void;
  /** Happens between servers and links only: no promise settles by it. */
  hop: boolean;
}

/** A schedule takes some 2,000 steps; one that takes this many does not end. */
const STEPS_MAX = 100_000;
const CALLS_IN_STEP_MAX = 50_000;

/** Virtual time: a queue of things to happen. Between two of them all continuations of promises run, if there can be any. */
export class Kernel {
  nowMs = 0;
  steps = 0;
  private sequence = 0;
  private readonly heap: Entry[] = [];
  readonly random: () => number;
  /** Set when a process asks for something again and again while no time passes: it would never end by itself. */
  private stuck?: Error;
  private callsInStep = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Calls `fn` after `ms` of virtual time; gives the function that cancels it. */
  after(ms: number, fn: () => void): () => void {
    return this.put(ms, fn, false);
  }

  /** The same for what happens outside of all processes. No continuation can be waiting for it, so the next thing follows at once. */
  hop(ms: number, fn: () => void): () => void {
    return this.put(ms, fn, true);
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  /** Runs until nothing is left, `done` says so, or virtual time passes `untilMs`. */
  run(untilMs: number, done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          let hopped = true;
          while (hopped) {
            if (this.stuck) throw this.stuck;
            if (this.steps > STEPS_MAX) throw new Error(`not at rest after ${STEPS_MAX} steps, at ${Math.round(this.nowMs)} ms`);
            const entry = done() ? undefined : this.step(untilMs);
            if (!entry) return resolve();
            hopped = entry.hop;
          }
        } catch (error) {
          return reject(error instanceof Error ? error : new Error(String(error)));
        }
        // The microtask comes after those that the step made, and the tick after all microtasks: everything has settled then.
        queueMicrotask(() => process.nextTick(turn));
      };
      turn();
    });
  }

  /** Counts a call that a process makes; false when it made so many at one instant that it must be in an endless loop. */
  allowsCall(by: string): boolean {
    this.callsInStep += 1;
    if (this.callsInStep > CALLS_IN_STEP_MAX) this.stuck ??= new Error(`${by} loops without end at ${Math.round(this.nowMs)} ms`);
    return this.stuck === undefined;
  }

  private put(ms: number, fn: () => void, hop: boolean): () => void {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, ms), sequence: (this.sequence += 1), fn, hop };
    this.push(entry);
    return () => {
      entry.fn = undefined;
    };
  }

  /** The next thing that happens, or undefined when nothing does until then. */
  private step(untilMs: number): Entry | undefined {
    for (;;) {
      const entry = this.heap[0];
      if (!entry || entry.atMs > untilMs) return undefined;
      this.pop();
      if (!entry.fn) continue;
      this.nowMs = entry.atMs;
      this.steps += 1;
      this.callsInStep = 0;
      entry.fn();
      return entry;
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child += 1;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

const START_MS = Date.UTC(2026, 0, 1);

/** One process: its clocks, its ids, and whether it lives. What a dead one waits for never comes; a frozen one gets it later. */
export class SimProcess {
  alive = true;
  private frozenUntilMs = 0;
  private wallOffsetMs = 0;
  private readonly cut = new Map<string, number>();
  /** Calls through its ports so far, and the one at which it dies. */
  calls = 0;
  dieAtCall?: { call: number; before: boolean };
  /** Calls whose effect happens and whose answer never comes. */
  loseAnswers = new Set<number>();
  /** Transactions of this process so far, and those that commit without its being told. */
  commits = 0;
  loseCommits = new Set<number>();
  onDeath: (() => void)[] = [];

  constructor(
    readonly kernel: Kernel,
    readonly name: string,
  ) {}

  readonly clock: Clock = new SimClock(this);

  get wallMs(): number {
    return START_MS + this.kernel.nowMs + this.wallOffsetMs;
  }

  ids(): Ids {
    const { kernel } = this;
    return new (class extends Ids {
      next(): string {
        const digits = (count: number): string =>
          Array.from({ length: count }, () => Math.floor(kernel.random() * 16).toString(16)).join('');
        return `01990000-0000-7${digits(3)}-8${digits(3)}-${digits(12)}`;
      }
    })();
  }

  /** Calls `fn` in this process at some time. */
  deliver(delayMs: number, fn: () => void): () => void {
    let cancel = this.kernel.after(delayMs, () => (cancel = this.arrive(fn)));
    return () => cancel();
  }

  /** Now, later when frozen, never when dead. */
  private arrive(fn: () => void): () => void {
    const waitMs = this.frozenUntilMs - this.kernel.nowMs;
    if (this.alive && waitMs > 0) return this.deliver(waitMs, fn);
    if (this.alive) fn();
    return () => undefined;
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const fn of this.onDeath) fn();
  }

  freeze(ms: number): void {
    this.frozenUntilMs = Math.max(this.frozenUntilMs, this.kernel.nowMs + ms);
  }

  jumpWall(ms: number): void {
    this.wallOffsetMs += ms;
  }

  /** Nothing passes between this process and a server for so long; both sides keep their connections and know nothing. */
  cutFrom(server: string, ms: number): void {
    this.cut.set(server, Math.max(this.cut.get(server) ?? 0, this.kernel.nowMs + ms));
  }

  /** Milliseconds until the link to that server is up. */
  cutForMs(server: string): number {
    return Math.max(0, (this.cut.get(server) ?? 0) - this.kernel.nowMs);
  }

  /**
   * A request to a server and its answer. Each way takes a while, and longer while the link is cut; the process may die before the
   * request has an effect or before the answer arrives. `serve` is given a function that answers.
   */
  request(server: string, serve: (answer: (reply: () => void) => void) => void, latencyMs = 2): void {
    const { kernel } = this;
    if (!kernel.allowsCall(this.name)) return;
    this.calls += 1;
    const dies = this.dieAtCall?.call === this.calls ? this.dieAtCall : undefined;
    if (dies?.before) return this.kill();
    const send = (): void => {
      const waitMs = this.cutForMs(server);
      if (waitMs > 0) return void kernel.hop(waitMs + kernel.between(0, 50), send);
      serve((reply) => {
        if (dies) return this.kill();
        const back = (): void => {
          const cutMs = this.cutForMs(server);
          if (cutMs > 0) kernel.after(cutMs + kernel.between(0, 50), back);
          else this.arrive(reply);
        };
        kernel.after(kernel.between(0, latencyMs), back);
      });
    };
    kernel.hop(kernel.between(0, latencyMs), send);
  }
}

/** What a server makes of a request: its effect's value, or the error that it answers with. */
export function outcomeOf<T>(effect: () => T): { value?: T; error?: Error } {
  try {
    return { value: effect() };
  } catch (error) {
    return { error: error as Error };
  }
}

class SimClock extends Clock {
  constructor(private readonly owner: SimProcess) {
    super();
  }

  now(): Date {
    return new Date(this.owner.wallMs);
  }

  monotonicMs(): number {
    return this.owner.kernel.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      // What loops without end never gets its answer, so that the schedule can stop and tell.
      if (!this.owner.kernel.allowsCall(this.owner.name)) return;
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.timer(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  timer(ms: number, fn: () => void): () => void {
    return this.owner.deliver(ms, fn);
  }
}
