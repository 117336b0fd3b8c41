// SPDX-License-Identifier: Apache-2.0
import { mapDriverError, purgeIdempotencyKeys, type Session } from '#libs/persistence';
import type { OutgoingMessage } from './broker';
import { purgeInbox } from './inbox';

export interface OutboxRow {
  position: string;
  message: OutgoingMessage;
}

const SENT_DAYS_KEPT = 7;
// Longer than topics keep messages (30 days, on Kafka up to 7 more until their segment ends), so that a replayed topic still meets its
// inbox rows. registry.workspace.v1 is kept for years, for services that are new: its handler changes nothing the second time.
export const INBOX_DAYS_KEPT = 45;

// One slice: sending waits for it.
const PURGED_ROWS_MAX = 5_000;

/** Statements of the relay on its one connection. */
export class OutboxStore {
  constructor(private readonly session: Pick<Session, 'query'>) {}

  /** Takes the lead of this service's outbox if nobody has it; it ends with the connection. */
  async tryLead(service: string): Promise<boolean> {
    const [row] = await this.query<{ lead: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as lead', [
      `millrace-relay-${service}`,
    ]);
    return row?.lead === true;
  }

  /** The next events to send, in the order of their commits per aggregate; `parked` are topics and 'topic key' pairs to leave out. */
  async unsent(limit: number, parked: readonly string[]): Promise<OutboxRow[]> {
    const rows = await this.query<{
      position: string;
      topic: string;
      key: string;
      payload: string;
      headers: Record<string, string>;
    }>(
      `select position, topic, aggregateid as key, payload, headers from outbox
       where published_at is null and (cardinality($2::text[]) = 0 or not (topic = any($2) or topic || ' ' || aggregateid = any($2)))
       order by position limit $1`,
      [limit, parked],
    );
    return rows.map(({ position, topic, key, payload, headers }) => ({
      position,
      message: { topic, key, value: payload, headers },
    }));
  }

  async markSent(positions: readonly string[]): Promise<void> {
    await this.query('update outbox set published_at = now() where position = any($1::bigint[])', [positions]);
  }

  /** Removes what nobody needs any more, a bounded number of rows of each kind; true when there may be more. */
  async purge(rowsMax = PURGED_ROWS_MAX): Promise<boolean> {
    const db = { query: <Row>(sql: string, params?: unknown[]) => this.query<Row>(sql, params) };
    const sent = await this.query(
      // In the order of the primary key, which is nearly that of the times: the first rows that are young end it.
      `delete from outbox where position in
         (select position from (select position, published_at from outbox where published_at is not null order by position limit $2) first
          where published_at < now() - make_interval(days => $1)) returning 1`,
      [SENT_DAYS_KEPT, rowsMax],
    );
    const handled = await purgeInbox(db, INBOX_DAYS_KEPT, rowsMax);
    const answers = await purgeIdempotencyKeys(db, rowsMax);
    return Math.max(sent.length, handled, answers) >= rowsMax;
  }

  private async query<Row = Record<string, unknown>>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await this.session.query(sql, [...params])).rows as Row[];
    } catch (error) {
      throw mapDriverError(error);
    }
  }
}
