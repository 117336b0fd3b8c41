// SPDX-License-Identifier: Apache-2.0
import { invalidFields, notFound } from '#libs/errors';
import type { Clock, Ids } from '#libs/clock';
import { decodePageToken, encodePageToken, pageSize, type Database, type Queryable, type Transaction } from '#libs/persistence';
import { peekAttributes } from './cloud-events';
import { deliveryOf, type Delivery } from './delivery';
import type { ReceivedEvent } from './events';
import { claimEvents } from './inbox';
import { MessagingErrors } from './messaging.errors';

export type DeadLetterState = 'open' | 'replaying' | 'replayed' | 'dropped';

/** A message that could not be handled, without its payload. */
export interface DeadLetterSummary {
  id: string;
  workspace: string;
  consumer: string;
  topic: string;
  partition: number;
  offset: string;
  key: string | null;
  eventId: string;
  eventType: string;
  code: string;
  message: string;
  attempts: number;
  firstAt: Date;
  lastAt: Date;
  build: string;
  state: DeadLetterState;
  reason: string | null;
}

export interface DeadLetter extends DeadLetterSummary {
  headers: Record<string, string>;
  payload: Buffer | null;
}

/** Which ones: all given conditions must hold. Times bound `lastAt`. */
export interface DeadLetterFilter {
  ids?: string[];
  workspace?: string;
  consumer?: string;
  code?: string;
  since?: Date;
  until?: Date;
  state?: DeadLetterState;
}

export interface DeadLetterPage {
  items: DeadLetterSummary[];
  nextPageToken: string;
}

/** The dead letters of one service: nothing is dropped silently, and everything can be handled again. */
export abstract class DeadLetters {
  /** Puts one event aside in the handler's own transaction; the rest of its batch goes on. */
  abstract deadLetter(tx: Transaction, event: ReceivedEvent, code: string, message: string): Promise<void>;
  /** Newest first. */
  abstract list(filter: DeadLetterFilter, page?: { size?: number; token?: string }): Promise<DeadLetterPage>;
  abstract show(id: string): Promise<DeadLetter>;
  /**
   * Hands them to their consumer once more, with the same event id; returns how many. Takes open ones; those whose replay is asked for
   * already only by id or by that state.
   */
  abstract replay(filter: DeadLetterFilter): Promise<number>;
  /** Gives them up, with a reason that is kept; returns how many. Takes the same ones as `replay`. */
  abstract drop(filter: DeadLetterFilter, reason: string): Promise<number>;
}

/** What is known of a failure when a message is put aside. */
export interface Failure {
  code: string;
  message: string;
  attempts: number;
}

const MESSAGE_CHARACTERS_MAX = 2_000;
const COLUMNS = `id, workspace, consumer, topic, partition, coalesce(message_offset, former_offset) as "offset", key, event_id as "eventId",
  event_type as "eventType", code, message, attempts, first_at as "firstAt", last_at as "lastAt", build, state, reason`;

/** Returns nothing when the letter at this place is of another message: the log was lost or made anew, and gave its offset again. */
const PUT = `
  insert into dead_letters as d (workspace, id, consumer, topic, partition, message_offset, key, headers, payload, message_time,
    event_id, event_type, code, message, attempts, build)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
  on conflict (consumer, topic, partition, message_offset) do update
    set code = excluded.code, message = excluded.message, attempts = d.attempts + excluded.attempts, last_at = now(),
        build = excluded.build, state = 'open', resolved_at = null
    where d.message_time = excluded.message_time and d.event_id = excluded.event_id
  returning 1`;
/** See the migration that made \`former_offset\`. */
const FREE_PLACE = `
  update dead_letters set former_offset = message_offset, message_offset = null
  where consumer = $1 and topic = $2 and partition = $3 and message_offset = $4`;

export class PgDeadLetters extends DeadLetters {
  constructor(
    private readonly database: Database,
    private readonly tools: { ids: Ids; clock: Clock; build: string; counted: (code: string) => void },
  ) {
    super();
  }

  async deadLetter(tx: Transaction, event: ReceivedEvent, code: string, message: string): Promise<void> {
    const delivery = deliveryOf(event);
    if (delivery.unclaimed && (await claimEvents(tx, delivery.consumer, [event])).length === 0) return;
    await this.put(tx, delivery, { code, message, attempts: delivery.isReplay ? 0 : event.attempt });
  }

  /** Keeps the message; a second failure of the same message updates the first letter. */
  async put(tx: Transaction, { consumer, message }: Delivery, failure: Failure): Promise<void> {
    const attributes = peekAttributes(message);
    const row = [
      attributes.workspace,
      this.tools.ids.next(),
      consumer,
      message.topic,
      message.partition,
      message.offset,
      storable(message.key),
      JSON.stringify(message.headers).replaceAll('\\u0000', ''),
      message.value,
      message.time,
      attributes.id,
      attributes.type,
      failure.code,
      storable(failure.message)?.slice(0, MESSAGE_CHARACTERS_MAX),
      failure.attempts,
      this.tools.build,
    ];
    if ((await tx.query(PUT, row)).length === 0) {
      // The letter there is of a message that is not in the log any more. The refused PUT has locked it.
      await tx.query(FREE_PLACE, [consumer, message.topic, message.partition, message.offset]);
      await tx.query(PUT, row);
    }
    tx.afterCommit(() => this.tools.counted(failure.code));
  }

  async list(filter: DeadLetterFilter, page: { size?: number; token?: string } = {}): Promise<DeadLetterPage> {
    const size = pageSize(page.size);
    const { where, params } = toSql(filter);
    const after = decodePageToken(page.token, ['time', 'uuid'], filter);
    const position = after ? `and (last_at, id) < ($${params.length + 1}, $${params.length + 2})` : '';
    const items = await this.database.query<DeadLetterSummary>(
      `select ${COLUMNS} from dead_letters where ${where} ${position} order by last_at desc, id desc limit ${size + 1}`,
      [...params, ...(after ?? [])],
    );
    const shown = items.slice(0, size);
    const last = shown.at(-1);
    return { items: shown, nextPageToken: items.length > size && last ? encodePageToken([last.lastAt, last.id], filter) : '' };
  }

  async show(id: string): Promise<DeadLetter> {
    const { where, params } = toSql({ ids: [id] });
    const [letter] = await this.database.query<DeadLetter>(
      `select ${COLUMNS}, headers, payload from dead_letters where ${where}`,
      params,
    );
    if (!letter) throw notFound('dead letter', id);
    return letter;
  }

  async replay(filter: DeadLetterFilter): Promise<number> {
    const { where, params } = unresolved(filter);
    const rows = await this.database.query(`update dead_letters set state = 'replaying' where ${where} returning 1`, params);
    if (rows.length === 0) await this.refuseResolved(this.database, filter);
    return rows.length;
  }

  async drop(filter: DeadLetterFilter, reason: string): Promise<number> {
    if (reason.trim() === '') throw invalidFields({ field: 'reason', message: 'is required: say why this may be given up' });
    const { where, params } = unresolved(filter);
    const rows = await this.database.query(
      `update dead_letters set state = 'dropped', reason = $${params.length + 1}, resolved_at = now() where ${where} returning 1`,
      [...params, reason],
    );
    if (rows.length === 0) await this.refuseResolved(this.database, filter);
    return rows.length;
  }

  /** How many are open and how old the oldest is, by consumer. */
  open(): Promise<{ consumer: string; open: string; oldestSeconds: number }[]> {
    return this.database.query(
      `select consumer, count(*) as open, extract(epoch from now() - min(first_at))::float8 as "oldestSeconds"
       from dead_letters where state in ('open', 'replaying') group by consumer`,
    );
  }

  private async refuseResolved(db: Queryable, { ids }: DeadLetterFilter): Promise<void> {
    if (ids?.length !== 1) return;
    const { where, params } = toSql({ ids });
    const [letter] = await db.query<{ state: string }>(`select state from dead_letters where ${where}`, params);
    if (!letter) throw notFound('dead letter', ids[0]);
    throw MessagingErrors.DEAD_LETTER_NOT_OPEN(`dead letter ${ids[0]} is ${letter.state}`, { state: letter.state });
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function toSql(filter: DeadLetterFilter): { where: string; params: unknown[] } {
  const conditions: string[] = ['true'];
  const params: unknown[] = [];
  const add = (sql: string, value: unknown): void => {
    if (value === undefined) return;
    params.push(value);
    conditions.push(sql.replace('?', `$${params.length}`));
  };
  const bad = filter.ids?.find((id) => !UUID.test(id));
  if (bad !== undefined) throw invalidFields({ field: 'id', message: `${JSON.stringify(bad)} is not a dead letter id` });
  add('id = any(?::uuid[])', filter.ids);
  add('workspace = ?', filter.workspace);
  add('consumer = ?', filter.consumer);
  add('code = ?', filter.code);
  add('last_at >= ?', filter.since);
  add('last_at < ?', filter.until);
  add('state = ?', filter.state);
  return { where: conditions.join(' and '), params };
}

/** A selection must not give up what somebody has just asked to replay, so it takes that only where it says so. */
function unresolved(filter: DeadLetterFilter): { where: string; params: unknown[] } {
  const { where, params } = toSql(filter);
  const states = filter.ids || filter.state ? "('open', 'replaying')" : "('open')";
  return { where: `${where} and state in ${states}`, params };
}

/** Postgres text holds no NUL; keys and messages of strangers may. */
function storable(value: string | null): string | null {
  return value === null ? null : value.replaceAll('\0', '\uFFFD');
}
