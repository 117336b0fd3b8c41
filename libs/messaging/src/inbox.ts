// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { ReceivedEvent } from './events';

type Identity = Pick<ReceivedEvent, 'id' | 'source' | 'workspace'>;

/**
 * What makes two deliveries the same event: source and id, as CloudEvents says, within a workspace (so that one tenant cannot
 * swallow another's events by using its ids first). The length keeps "a|b"+"c" and "a"+"b|c" apart.
 */
export function eventKey({ id, source, workspace }: Identity): string {
  return `${workspace}|${source.length}|${source}|${id}`;
}

/**
 * Marks events as handled by this consumer, in the transaction of their effect; gives back those that were not handled before.
 * Two members racing for the same event meet here: the second one waits for the first and then gets nothing.
 */
export async function claimEvents<E extends Identity>(tx: Transaction, consumer: string, events: readonly E[]): Promise<E[]> {
  const byKey = firstByKey(events);
  // Sorted, so that two members with overlapping batches lock in the same order.
  const rows = await tx.query<{ event_key: string }>(
    `insert into inbox (consumer, event_key) select $1, key from unnest($2::text[]) as key
     on conflict do nothing returning event_key`,
    [consumer, [...byKey.keys()].sort()],
  );
  const fresh = new Set(rows.map((row) => row.event_key));
  return [...byKey].filter(([key]) => fresh.has(key)).map(([, event]) => event);
}

/**
 * The events without an inbox row, for a handler whose own keys find repeats: what was put aside must not be handled behind the back
 * of its dead letter. Two members that race for an event meet at those keys, not here.
 */
export async function unclaimedEvents<E extends Identity>(tx: Transaction, consumer: string, events: readonly E[]): Promise<E[]> {
  const byKey = firstByKey(events);
  const rows = await tx.query<{ event_key: string }>('select event_key from inbox where consumer = $1 and event_key = any($2)', [
    consumer,
    [...byKey.keys()],
  ]);
  for (const { event_key: key } of rows) byKey.delete(key);
  return [...byKey.values()];
}

function firstByKey<E extends Identity>(events: readonly E[]): Map<string, E> {
  const byKey = new Map<string, E>();
  for (const event of events) {
    const key = eventKey(event);
    if (!byKey.has(key)) byKey.set(key, event);
  }
  return byKey;
}

/** Removes rows older than `days`, at most `rowsMax`; returns how many. Must outlive the topics' retention. */
export async function purgeInbox(db: Queryable, days: number, rowsMax = 5_000): Promise<number> {
  const rows = await db.query(
    `delete from inbox where ctid in
       (select ctid from inbox where received_at < now() - make_interval(days => $1) limit $2) returning 1`,
    [days, rowsMax],
  );
  return rows.length;
}
