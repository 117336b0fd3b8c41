// SPDX-License-Identifier: Apache-2.0
import { openPersistence, type Persistence } from '#libs/persistence';
import { GroupOffsets, type GroupPosition, type NewPosition } from '../group-offsets';
import { MessagingErrors } from '../messaging.errors';
import { lockGroup } from './group-store';

/** Positions of groups in the event log. */
export class EventLogOffsets extends GroupOffsets {
  readonly kind = 'event-log';
  private readonly persistence: Persistence;

  /** @param databaseUrl the database with the event log's schema. */
  constructor(databaseUrl: string) {
    super();
    this.persistence = openPersistence({ databaseUrl, applicationName: 'millrace-consumers-tool', connectionsMax: 1 });
  }

  async members(group: string): Promise<number> {
    const [row] = await this.persistence.database.query<{ count: string }>(
      'select count(*) from members where group_name = $1 and lease_until > clock_timestamp()',
      [group],
    );
    return Number(row?.count ?? 0);
  }

  async positions(group: string, topics: readonly string[]): Promise<GroupPosition[]> {
    const rows = await this.persistence.database.query<Omit<GroupPosition, 'lag'> & { lag: string }>(
      `select t.name as topic, p.partition, c.committed, p.next_offset as "end", s.start,
              greatest(p.next_offset - greatest(coalesce(c.committed, 0), s.start), 0) as lag
       from topics t join partitions p on p.topic_id = t.id
       left join claims c on c.group_name = $1 and c.topic_id = t.id and c.partition = p.partition
       cross join lateral (select coalesce((select m.message_offset from messages m
         where m.topic_id = t.id and m.partition = p.partition order by m.message_offset limit 1), p.next_offset) as start) s
       where t.name = any($2) order by 1, 2`,
      [group, topics],
    );
    const missing = topics.find((topic) => !rows.some((row) => row.topic === topic));
    if (missing !== undefined) throw unknownTopic(missing);
    return rows.map((row) => ({ ...row, lag: Number(row.lag) }));
  }

  async offsetsAt(topic: string, time: Date): Promise<Map<number, string>> {
    const rows = await this.persistence.database.query<{ partition: number; offset: string }>(
      `select p.partition, coalesce((select min(m.message_offset) from messages m
         where m.topic_id = p.topic_id and m.partition = p.partition and m.written_at >= $2), p.next_offset) as offset
       from topics t join partitions p on p.topic_id = t.id where t.name = $1`,
      [topic, time],
    );
    if (rows.length === 0) throw unknownTopic(topic);
    return new Map(rows.map((row) => [row.partition, row.offset]));
  }

  /** A new epoch fences whoever reads the partition now; the notice has the members take it again, at the new place. */
  async move(group: string, positions: readonly NewPosition[]): Promise<void> {
    await this.persistence.unitOfWork.run(async (tx) => {
      await lockGroup(tx, group);
      await tx.query(
        `insert into claims (group_name, topic_id, partition, committed)
         select $1, t.id, u.partition, u.offset from unnest($2::text[], $3::int[], $4::bigint[]) as u (topic, partition, "offset")
         join topics t on t.name = u.topic
         on conflict (group_name, topic_id, partition)
         do update set committed = excluded.committed, owner = null, epoch = claims.epoch + 1`,
        [
          group,
          positions.map(({ topic }) => topic),
          positions.map(({ partition }) => partition),
          positions.map(({ offset }) => offset),
        ],
      );
      await tx.query("select pg_notify('groups', $1)", [group]);
    });
  }

  async close(): Promise<void> {
    await this.persistence.close();
  }
}

function unknownTopic(topic: string): Error {
  return MessagingErrors.UNKNOWN_TOPIC(`topic ${topic} does not exist in the event log`, { topic });
}
