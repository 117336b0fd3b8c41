// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';

export interface OutboxBacklog {
  /** Events that were not sent, counted up to 10,000. */
  waiting: number;
  /** Age of the oldest of them, 0 when none waits. */
  oldestSeconds: number;
}

/** What waits, those included that the broker refuses: the relay looks at the others meanwhile, so it cannot tell. */
export async function outboxBacklog(db: Queryable): Promise<OutboxBacklog> {
  const [backlog] = await db.query<OutboxBacklog>(
    `select count(*)::int as waiting, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as "oldestSeconds"
     from (select created_at from outbox where published_at is null order by position limit 10000) unsent`,
  );
  return backlog;
}
