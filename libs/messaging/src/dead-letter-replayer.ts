// SPDX-License-Identifier: Apache-2.0
import { runWithDeadline, type Clock } from '#libs/clock';
import { toAppError, type AppError } from '#libs/errors';
import type { Logger } from '#libs/observability';
import type { Database, Transaction, UnitOfWork } from '#libs/persistence';
import type { IncomingMessage } from './broker';
import type { ConsumerHost } from './consumer-host';
import { deliveryOf } from './delivery';
import type { ReceivedEvent } from './events';
import { claimEvents } from './inbox';

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

/** Hands replayed dead letters to their consumer in this process: same event id, one transaction with the letter's new state. */
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
    await this.running;
  }

  /** Replays what waits now; returns how many letters were tried. */
  async runOnce(): Promise<number> {
    let tried = 0;
    const waiting = await this.consumersWaiting();
    for (const host of this.hosts) {
      if (!waiting.has(host.name)) continue;
      while (!this.stopping.signal.aborted && (await this.replayOne(host))) tried += 1;
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
    let row: Row | undefined;
    try {
      const { clock, handlerMsMax, unitOfWork } = this.tools;
      const replay = (): Promise<void> =>
        unitOfWork.run(
          async (tx) => {
            row = await lockNext(tx, host.name);
            if (row) await this.handle(tx, host, row);
          },
          { label: `${host.name} replay` },
        );
      await runWithDeadline(new Date(clock.now().getTime() + handlerMsMax), replay, clock);
      return row !== undefined;
    } catch (thrown) {
      if (!row) throw thrown;
      await this.keep(row, toAppError(thrown));
      return true;
    }
  }

  private async handle(tx: Transaction, host: ConsumerHost, row: Row): Promise<void> {
    const job = host.prepareForReplay(toMessage(row), row.attempts + 1);
    if (job.kind === 'poison') throw job.error;
    if (job.kind === 'event') {
      // The inbox may hold the event already (that is how it was put aside); the letter's lock guards the once-only effect.
      await claimEvents(tx, host.name, [job.event]);
      deliveryOf(job.event).unclaimed = false;
      await job.handler.handle([job.event] as ReceivedEvent<never>[], tx);
    }
    await tx.query("update dead_letters set state = 'replayed', resolved_at = now() where id = $1 and state = 'replaying'", [
      row.id,
    ]);
    tx.afterCommit(() => this.tools.logger.info({ consumer: host.name, deadLetterId: row.id }, 'dead letter replayed'));
  }

  /** The replay failed: the letter is open again, with what went wrong this time. */
  private async keep(row: Row, error: AppError): Promise<void> {
    this.tools.logger.error({ deadLetterId: row.id, code: error.code, err: error }, 'replay failed');
    await this.tools.unitOfWork.run((tx) =>
      tx.query(
        `update dead_letters set state = 'open', code = $2, message = $3, attempts = attempts + 1, last_at = now()
         where id = $1 and state = 'replaying'`,
        [row.id, error.code, error.message.slice(0, 2_000)],
      ),
    );
  }
}

async function lockNext(tx: Transaction, consumer: string): Promise<Row | undefined> {
  const [row] = await tx.query<Row>(
    `select id, topic, partition, message_offset, key, headers, payload, message_time, attempts from dead_letters
     where consumer = $1 and state = 'replaying' order by first_at for update skip locked limit 1`,
    [consumer],
  );
  return row;
}

function toMessage(row: Row): IncomingMessage {
  const { topic, partition, message_offset: offset, key, headers, payload: value, message_time: time } = row;
  return { topic, partition, offset, key, headers, value, time };
}
