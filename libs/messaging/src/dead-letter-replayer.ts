// SPDX-License-Identifier: Apache-2.0
import { runWithDeadline, type Clock } from '#libs/clock';
import { toAppError, type AppError } from '#libs/errors';
import type { Logger } from '#libs/observability';
import type { Database, Transaction, UnitOfWork } from '#libs/persistence';
import type { IncomingMessage } from './broker';
import type { ConsumerHost } from './consumer-host';
import { deliveryOf } from './delivery';
import type { ReceivedEvent } from './events';
import { limited } from './handler-limit';
import { claimEvents } from './inbox';
import { MessagingErrors } from './messaging.errors';
import { within } from './within';

export interface ReplayerTools {
  database: Database;
  unitOfWork: UnitOfWork;
  clock: Clock;
  logger: Logger;
  handlerMsMax: number;
  pollMs: number;
}

interface Row {
  id: string;
  topic: string;
  partition: number;
  message_offset: string;
  key: string | null;
  headers: Record<string, string>;
  payload: Buffer | null;
  message_time: Date;
  attempts: number;
}

/** Longest that a stop waits for a replay in hand; below what the shutdown gives to all consumers. */
const STOP_MS_MAX = 10_000;
const { code: INTERRUPTED } = MessagingErrors.REPLAY_INTERRUPTED('');
/** True while nobody changed the letter since it was taken here: each taking counts an attempt, all else sets another code or state. */
const OURS = "id = $1 and attempts = $2 and code = $3 and state = 'open'";
const fence = ({ id, attempts }: Row): unknown[] => [id, attempts, INTERRUPTED];

/**
 * Hands replayed dead letters to their consumer in this process: same event id, one transaction with the letter's new state. Takes a
 * letter by making it open again, in a transaction of its own before the handler is called: an event that kills the process is
 * replayed once per request, whatever becomes of the process, and no second process takes the letter meanwhile.
 */
export class DeadLetterReplayer {
  private readonly stopping = new AbortController();
  private running?: Promise<void>;

  constructor(
    private readonly hosts: readonly ConsumerHost[],
    private readonly tools: ReplayerTools,
  ) {}

  start(): void {
    this.running ??= this.loop();
  }

  async stop(): Promise<void> {
    this.stopping.abort(new DOMException('stopped', 'AbortError'));
    // What is left behind then ends with the process: its letter is open, with a code that says so.
    if (this.running) await within(this.running, STOP_MS_MAX, this.tools.clock);
  }

  /** Replays what waits now; returns how many letters were tried. */
  async runOnce(): Promise<number> {
    let tried = 0;
    const names = await this.consumersWaiting();
    let waiting = this.hosts.filter(({ name }) => names.has(name));
    while (waiting.length > 0) {
      const more: ConsumerHost[] = [];
      // In turns, so that slow letters of one consumer do not hold up all those of the others.
      for (const host of waiting) {
        if (this.stopping.signal.aborted) return tried;
        if (await this.replayOne(host)) more.push(host);
      }
      tried += more.length;
      waiting = more;
    }
    return tried;
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.runOnce();
      } catch (error) {
        this.tools.logger.warn({ err: error }, 'dead letters could not be looked up');
      }
      await this.tools.clock.sleepUnlessAborted(this.tools.pollMs, signal);
    }
  }

  /** Whose letters wait: one statement for all and no transaction, because nearly always none do. */
  private async consumersWaiting(): Promise<Set<string>> {
    const names = this.hosts.map(({ name }) => name);
    const rows = await this.tools.database.query<{ consumer: string }>(
      "select distinct consumer from dead_letters where state = 'replaying' and consumer = any($1)",
      [names],
    );
    return new Set(rows.map(({ consumer }) => consumer));
  }

  private async replayOne(host: ConsumerHost): Promise<boolean> {
    const { clock, handlerMsMax, unitOfWork } = this.tools;
    const row = await this.take(host.name);
    if (!row) return false;
    try {
      const label = `${host.name} replay`;
      const replay = (): Promise<void> => unitOfWork.run((tx) => this.handle(tx, host, row), { label });
      await runWithDeadline(new Date(clock.now().getTime() + handlerMsMax), replay, clock);
    } catch (thrown) {
      await this.keep(row, toAppError(thrown));
    }
    return true;
  }

  /** Committed before the handler runs. From here on OURS says whether it is still the one that was taken. */
  private async take(consumer: string): Promise<Row | undefined> {
    const [row] = await this.tools.database.query<Row>(
      `update dead_letters set state = 'open', attempts = attempts + 1, last_at = now(), code = $2,
         message = case when code = $2 then message else left($3 || code || ': ' || message, 2000) end
       where id = (select id from dead_letters where consumer = $1 and state = 'replaying'
                   order by first_at for update skip locked limit 1)
       returning id, topic, partition, coalesce(message_offset, former_offset) as message_offset, key, headers, payload, message_time, attempts`,
      [consumer, INTERRUPTED, 'its replay has begun: it is under way, or the process died; before that it was '],
    );
    return row;
  }

  private async handle(tx: Transaction, host: ConsumerHost, row: Row): Promise<void> {
    const held = await tx.query(`select 1 from dead_letters where ${OURS} for update skip locked`, fence(row));
    // Dropped, or asked for once more and taken by another process, since it was taken here.
    if (held.length === 0) return;
    const job = host.prepareForReplay(toMessage(row), row.attempts);
    if (job.kind === 'poison') throw job.error;
    if (job.kind === 'event') {
      // The inbox may hold the event already (that is how it was put aside); the letter's lock guards the once-only effect.
      await claimEvents(tx, host.name, [job.event]);
      Object.assign(deliveryOf(job.event), { unclaimed: false, isReplay: true });
      await limited(job.handler.handle([job.event] as ReceivedEvent<never>[], tx), host.name, this.tools);
    }
    const done = await tx.query(
      `update dead_letters set state = 'replayed', resolved_at = now() where ${OURS} returning 1`,
      fence(row),
    );
    // The handler may have put it aside again.
    if (done.length === 0) return;
    tx.afterCommit(() => this.tools.logger.info({ consumer: host.name, deadLetterId: row.id }, 'dead letter replayed'));
  }

  /** The replay failed: the letter says what went wrong this time. */
  private async keep(row: Row, error: AppError): Promise<void> {
    this.tools.logger.error({ deadLetterId: row.id, code: error.code, err: error }, 'replay failed');
    await this.tools.unitOfWork.run((tx) =>
      tx.query(`update dead_letters set code = $4, message = $5, last_at = now() where ${OURS}`, [
        ...fence(row),
        error.code,
        error.message.slice(0, 2_000),
      ]),
    );
  }
}

function toMessage(row: Row): IncomingMessage {
  const { topic, partition, message_offset: offset, key, headers, payload: value, message_time: time } = row;
  return { topic, partition, offset, key, headers, value, time };
}
