// SPDX-License-Identifier: Apache-2.0
import { every, type Clock } from '#libs/clock';
import { hasCode, isAppError, toAppError } from '#libs/errors';
import type { Logger } from '#libs/observability';
import type { OpenSession, Session } from '#libs/persistence';
import type { Broker } from './broker';
import type { MessagingMetrics } from './messaging-metrics';
import { OutboxStore, type OutboxRow } from './outbox-store';
import { ReadPace } from './read-pace';
import { Signal } from './signal';
import { within } from './within';

export interface RelayOptions {
  /** Of the service's own database. */
  openSession: OpenSession;
  service: string;
  broker: Broker;
  clock: Clock;
  logger: Logger;
  metrics: MessagingMetrics;
  batchSizeMax?: number;
  /** Backstop for lost notices. Default 5 s, 1 s while events wait that the broker refused. */
  pollMs?: number;
  /** How often a process that is not the leader asks whether it may be. */
  electionMs?: number;
  /** How long the events of a key wait after the broker refused one of them for good. */
  parkMs?: number;
  /** How long a leader may be silent before Postgres takes the lead away from it. Default 15 s. */
  leadSilenceMsMax?: number;
}

const CHANNEL = 'millrace_outbox';
const HOUSEKEEPING_MS = 60_000;
const DRAIN_MS = 2_000;
// Commits wake the relay by NOTIFY on its own connection; the poll finds what a lost notice has left.
const POLL_MS = 5_000;
const POLL_PARKED_MS = 1_000;
const LEAD_SILENCE_MS_MAX = 15_000;

/**
 * Sends the outbox of one service. One leader per database, by an advisory lock on the very connection that reads and marks:
 * who loses the connection loses both, and Postgres ends the connection of a leader that is silent for too long (frozen, cut off).
 * Such a leader may still send what it holds when it wakes: repeats of what its successor sends first, in the same order. Sends in order per key, marks after the broker's acknowledgement (so at least once),
 * and selects by "not sent yet": a cursor would pass over rows that commit late.
 */
export class OutboxRelay {
  private readonly stopping = new AbortController();
  private readonly signal: Signal;
  private readonly parked = new Map<string, number>();
  private running?: Promise<void>;
  private leading = false;

  constructor(private readonly options: RelayOptions) {
    this.signal = new Signal(options.clock);
  }

  /** True while this process sends. */
  get isLeader(): boolean {
    return this.leading;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Something was committed: look now, not at the next poll. */
  wake(): void {
    this.signal.set();
  }

  /** Sends what is committed, for at most 2 s, and gives up the lead. */
  async stop(): Promise<void> {
    this.stopping.abort(new DOMException('stopped', 'AbortError'));
    this.signal.set();
    // A send to a broker that is away may take a minute; its events stay in the outbox, so nobody needs to wait.
    if (this.running) await within(this.running, DRAIN_MS + 2_000, this.options.clock);
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.stopped) {
      try {
        await this.connectAndServe(() => (failures = 0));
      } catch (error) {
        failures += 1;
        const { code } = toAppError(error);
        this.options.metrics.relayFailures.inc({ code });
        this.options.logger.warn({ err: error, failures }, 'relay interrupted');
        await this.sleep(Math.min(5_000, 100 * 2 ** failures));
      }
    }
  }

  private async connectAndServe(onProgress: () => void): Promise<void> {
    const { clock, openSession, service, leadSilenceMsMax = LEAD_SILENCE_MS_MAX } = this.options;
    let lost: Error | undefined;
    const session: Session = await openSession({
      applicationName: `millrace-${service}-relay`,
      queryTimeoutMs: 15_000,
      statementTimeoutMs: 10_000,
      // A frozen process, or one behind a dead link, keeps its connection and with it the lead; the server ends such a session.
      idleTimeoutMs: leadSilenceMsMax,
      onNotice: () => this.signal.set(),
      onLost: (error) => {
        lost ??= error;
        this.signal.set();
      },
    });
    // A send to a slow broker takes longer than a leader may be silent. A failure shows as the connection's error.
    const endAlive = every(clock, leadSilenceMsMax / 3, () => void session.query('select 1').catch(() => undefined));
    try {
      const store = new OutboxStore(session);
      while (!this.stopped && !(await store.tryLead(service))) {
        await this.sleep(this.options.electionMs ?? 2_000);
        if (lost) throw lost;
      }
      if (this.stopped) return;
      this.becomeLeader(true);
      await session.query(`listen ${CHANNEL}`);
      await this.serve(store, onProgress, () => lost);
    } finally {
      endAlive();
      this.becomeLeader(false);
      await session.end();
    }
  }

  private async serve(store: OutboxStore, onProgress: () => void, lost: () => Error | undefined): Promise<void> {
    const { clock } = this.options;
    let housekeepAtMs = clock.monotonicMs() + HOUSEKEEPING_MS;
    let failures = 0;
    let drainUntilMs: number | undefined;
    const pace = new ReadPace(this.options.batchSizeMax ?? 500);
    for (;;) {
      const error = lost();
      if (error) throw error;
      // After stop(): what the last requests committed still goes out, within a bound.
      if (this.stopped) drainUntilMs ??= clock.monotonicMs() + DRAIN_MS;
      if (drainUntilMs !== undefined && clock.monotonicMs() > drainUntilMs) return;
      // A slice between two batches, also under steady load: rows would come faster than they are removed.
      if (!this.stopped && clock.monotonicMs() >= housekeepAtMs && !(await this.housekeep(store)))
        housekeepAtMs = clock.monotonicMs() + HOUSEKEEPING_MS;
      this.signal.reset();
      const rows = await store.unsent(pace.next, this.parkedKeys());
      pace.saw(rows.map(({ message }) => message.value?.length ?? 0));
      if (rows.length > 0) {
        const sent = await this.send(store, rows);
        onProgress();
        failures = sent ? 0 : failures + 1;
        if (!sent) await this.sleep(Math.min(5_000, 50 * 2 ** failures));
        continue;
      }
      if (this.stopped) return;
      // Nothing to send: what is left to remove goes first, a slice after the other.
      if (clock.monotonicMs() >= housekeepAtMs) continue;
      await this.signal.wait(this.options.pollMs ?? (this.parked.size > 0 ? POLL_PARKED_MS : POLL_MS));
    }
  }

  /** One slice; true when there is more. Events go out also while it fails. */
  private async housekeep(store: OutboxStore): Promise<boolean> {
    try {
      return await store.purge();
    } catch (error) {
      this.options.metrics.relayFailures.inc({ code: toAppError(error).code });
      this.options.logger.warn({ err: error }, 'housekeeping failed; it is tried again in a minute');
      return false;
    }
  }

  /** Sends and marks; false when the broker is away. A message that the broker refuses for good holds back only its own key. */
  private async send(store: OutboxStore, rows: readonly OutboxRow[]): Promise<boolean> {
    try {
      await this.options.broker.publish(rows.map((row) => row.message));
      await this.mark(store, rows);
      return true;
    } catch (error) {
      if (!isRefusal(error)) return this.brokerAway(error);
      return rows.length === 1 ? this.park(rows[0], error) : this.sendOneByOne(store, rows);
    }
  }

  private async sendOneByOne(store: OutboxStore, rows: readonly OutboxRow[]): Promise<boolean> {
    for (const row of rows) {
      if (this.parked.has(keyOf(row)) || this.parked.has(row.message.topic)) continue;
      if (!(await this.send(store, [row]))) return false;
    }
    return true;
  }

  private async mark(store: OutboxStore, rows: readonly OutboxRow[]): Promise<void> {
    await store.markSent(rows.map((row) => row.position));
    this.options.metrics.outboxSent.inc(rows.length);
  }

  private brokerAway(error: unknown): false {
    this.options.metrics.relayFailures.inc({ code: toAppError(error).code });
    this.options.logger.warn({ err: error }, 'broker did not take the batch');
    return false;
  }

  private park(row: OutboxRow, error: unknown): true {
    const { topic, key } = row.message;
    // A missing topic holds back all of its keys: parking them one by one would grow without bound.
    const what = hasCode(error, 'MESSAGING.UNKNOWN_TOPIC') ? topic : keyOf(row);
    this.parked.set(what, this.options.clock.monotonicMs() + (this.options.parkMs ?? 5_000));
    this.options.metrics.relayFailures.inc({ code: toAppError(error).code });
    this.options.logger.error({ err: error, topic, key, position: row.position }, 'event refused by the broker; its key waits');
    return true;
  }

  private parkedKeys(): string[] {
    const nowMs = this.options.clock.monotonicMs();
    for (const [key, untilMs] of this.parked) if (untilMs <= nowMs) this.parked.delete(key);
    return [...this.parked.keys()];
  }

  private becomeLeader(leading: boolean): void {
    if (this.leading !== leading) this.options.logger.info({ leading }, 'relay leadership changed');
    this.leading = leading;
    this.options.metrics.relayLeader.set(leading ? 1 : 0);
  }

  private async sleep(ms: number): Promise<void> {
    await this.options.clock.sleepUnlessAborted(ms, this.stopping.signal);
  }
}

function keyOf(row: OutboxRow): string {
  return `${row.message.topic} ${row.message.key}`;
}

/** The broker answered, and will answer the same next time. */
function isRefusal(error: unknown): boolean {
  return (
    isAppError(error) &&
    ['MESSAGING.MESSAGE_REFUSED', 'MESSAGING.UNKNOWN_TOPIC', 'MESSAGING.EVENT_TOO_LARGE'].includes(error.code)
  );
}
