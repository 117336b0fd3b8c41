// SPDX-License-Identifier: Apache-2.0
import type { Database } from '#libs/persistence';
import type { IncomingMessage } from './broker';
import { placeOf, type Place } from './place-of';

/** Starts at one message after which its partition shares no transaction with others: what may have killed once would take them along. */
const ALONE_AFTER_STARTS = 2;
/** Starts at one message after which the host goes one event at a time, to find the one that kills the process. */
export const CAREFUL_AFTER_STARTS = 3;
/** Starts at one message after which that message is put aside unhandled. */
export const GIVE_UP_AFTER_STARTS = 8;

/**
 * Finds messages that kill the process (out of memory, a crash in native code): no handler error ever tells of them. Notes in the
 * database where a partition is taken up, and that it went on; a note that stays means the process died right there. Costs two
 * small writes per partition and process start, none later.
 */
export class CrashGuard {
  /** Starts of each partition that was taken up here; 0 once it went on. Those to be careful with stay what they are. */
  private readonly watched = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly consumer: string,
  ) {}

  /** Call before a batch. Says how often a process has started at this very message without getting past it. */
  async enter(message: IncomingMessage): Promise<number> {
    const place = placeOf(message);
    const known = this.watched.get(place);
    if (known !== undefined && known < CAREFUL_AFTER_STARTS) return 0;
    const [row] = await this.database.query<{ starts: number }>(
      `insert into consumer_progress as p (consumer, topic, partition, message_offset) values ($1, $2, $3, $4)
       on conflict (consumer, topic, partition) do update set message_offset = excluded.message_offset,
         starts = case when p.message_offset = excluded.message_offset then p.starts + 1 else 1 end
       returning starts`,
      [this.consumer, message.topic, message.partition, message.offset],
    );
    const starts = row?.starts ?? 1;
    this.watched.set(place, Math.max(starts, known ?? 0));
    return starts;
  }

  /** True while this partition is to be taken one event at a time. */
  isCareful(message: IncomingMessage): boolean {
    return this.startsAt(message) >= CAREFUL_AFTER_STARTS;
  }

  /** True while this partition must not be handled together with others. */
  goesAlone(message: Place): boolean {
    return this.startsAt(message) >= ALONE_AFTER_STARTS;
  }

  /** Call when the batch is over and the process still lives. */
  async leave(message: IncomingMessage, starts: number): Promise<void> {
    if (starts === 0) return;
    if (!this.isCareful(message)) this.watched.set(placeOf(message), 0);
    await this.database.query('update consumer_progress set starts = 0 where consumer = $1 and topic = $2 and partition = $3', [
      this.consumer,
      message.topic,
      message.partition,
    ]);
  }

  private startsAt(message: Place): number {
    return this.watched.get(placeOf(message)) ?? 0;
  }
}
