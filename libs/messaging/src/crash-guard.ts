// SPDX-License-Identifier: Apache-2.0
import type { Database } from '#libs/persistence';
import type { IncomingMessage } from './broker';
import { placeOf, type Place } from './place-of';
import type { Slots } from './slots';

/** Starts at one message after which its partition is a suspect: it shares no transaction, and is at work while no other suspect is. */
const SUSPECT_AFTER_STARTS = 2;
/** Starts at one message after which the host goes one event at a time, to find the one that kills the process. */
export const CAREFUL_AFTER_STARTS = 3;
/** Starts at one message after which that message is put aside unhandled. */
export const GIVE_UP_AFTER_STARTS = 8;

export interface GuardOptions {
  /** Of the whole process: what is at work when it dies is counted, so suspects of all its consumers go one after the other. */
  suspects: Slots;
  /** Events that a partition takes one at a time before it is trusted again. */
  carefulEvents: number;
}

/** What is known of the message at which a partition is taken up. */
export interface Entry {
  /** How often a process has started at this very message without getting past it, this time included; 0 where nobody counts. */
  starts: number;
  /** Call when the batch is over, in any case. */
  release: () => void;
}

const nothing = (): void => undefined;

/**
 * Finds messages that kill the process (out of memory, a crash in native code): no handler error ever tells of them. Notes in the
 * database where a partition is taken up, and that it went on; a note that stays means the process died right there. Costs two
 * small writes per partition and process start, none later.
 */
export class CrashGuard {
  /** Starts of each partition that was taken up here; 0 once it went on. Those to be careful with stay what they are for a while. */
  private readonly watched = new Map<string, number>();
  /** Events that a partition to be careful with has got past. */
  private readonly passed = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly consumer: string,
    private readonly options: GuardOptions,
  ) {}

  /** Call before a batch. */
  async enter(message: IncomingMessage): Promise<Entry> {
    const place = placeOf(message);
    const known = this.watched.get(place);
    if (known !== undefined && known < CAREFUL_AFTER_STARTS) return { starts: 0, release: nothing };
    const starts = await this.note(message, false);
    if (starts !== undefined) return { starts: this.watch(place, starts), release: nothing };
    // Not counted before it is its turn: the neighbours of a killer would be counted with it at each death, and put aside with it.
    const release = await this.options.suspects.enter();
    try {
      return { starts: this.watch(place, (await this.note(message, true)) ?? 1), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** True while this partition is to be taken one event at a time. */
  isCareful(message: IncomingMessage): boolean {
    return this.startsAt(message) >= CAREFUL_AFTER_STARTS;
  }

  /** True while this partition must not be handled together with others. */
  goesAlone(message: Place): boolean {
    return this.startsAt(message) >= SUSPECT_AFTER_STARTS;
  }

  /** Call when the batch is over and the process still lives. */
  async leave(message: IncomingMessage, starts: number): Promise<void> {
    if (starts === 0) return;
    const place = placeOf(message);
    const passed = (this.passed.get(place) ?? 0) + 1;
    if (!this.isCareful(message) || passed >= this.options.carefulEvents) {
      this.watched.set(place, 0);
      this.passed.delete(place);
    } else this.passed.set(place, passed);
    await this.database.query('update consumer_progress set starts = 0 where consumer = $1 and topic = $2 and partition = $3', [
      this.consumer,
      message.topic,
      message.partition,
    ]);
  }

  /** One more start at this message; undefined, and nothing noted, if it is a suspect whose turn it is not. */
  private async note(message: IncomingMessage, isItsTurn: boolean): Promise<number | undefined> {
    const [row] = await this.database.query<{ starts: number }>(
      `insert into consumer_progress as p (consumer, topic, partition, message_offset) values ($1, $2, $3, $4)
       on conflict (consumer, topic, partition) do update set message_offset = excluded.message_offset,
         starts = case when p.message_offset = excluded.message_offset then p.starts + 1 else 1 end
         where $5 or p.message_offset <> excluded.message_offset or p.starts < $6
       returning starts`,
      [this.consumer, message.topic, message.partition, message.offset, isItsTurn, SUSPECT_AFTER_STARTS],
    );
    return row?.starts;
  }

  private watch(place: string, starts: number): number {
    this.watched.set(place, Math.max(starts, this.watched.get(place) ?? 0));
    return starts;
  }

  private startsAt(message: Place): number {
    return this.watched.get(placeOf(message)) ?? 0;
  }
}
