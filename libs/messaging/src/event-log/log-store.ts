// SPDX-License-Identifier: Apache-2.0
import type { Database, UnitOfWork } from '#libs/persistence';
import type { IncomingMessage, OutgoingMessage, PartitionLag, TopicSpec } from '../broker';
import { MessagingErrors } from '../messaging.errors';
import { partitionOf } from './partition-of';

export interface TopicRow {
  id: number;
  name: string;
  partitions: number;
}

/** Topics and messages of the event log. */
export class LogStore {
  private readonly topics = new Map<string, TopicRow>();
  private roundRobin = 0;

  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.unitOfWork.run(async (tx) => {
      for (const { name, partitions, retentionDays } of [...specs].sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const [topic] = await tx.query<TopicRow>(
          `insert into topics (name, partitions, retention_days) values ($1, $2, $3)
           on conflict (name) do update set retention_days = excluded.retention_days returning id, name, partitions`,
          [name, partitions, retentionDays],
        );
        if (topic && topic.partitions !== partitions) {
          throw MessagingErrors.MESSAGE_REFUSED(
            `topic ${name} has ${topic.partitions} partitions, not ${partitions}: make a new major version instead`,
          );
        }
        await tx.query(
          'insert into partitions (topic_id, partition) select $1, n from generate_series(0, $2 - 1) as n on conflict do nothing',
          [topic?.id, partitions],
        );
      }
    });
  }

  /** The topics of these names; throws MESSAGING.UNKNOWN_TOPIC naming the first that does not exist. */
  async resolve(names: readonly string[]): Promise<TopicRow[]> {
    const unknown = names.filter((name) => !this.topics.has(name));
    if (unknown.length > 0) {
      const rows = await this.database.query<TopicRow>('select id, name, partitions from topics where name = any($1)', [unknown]);
      for (const row of rows) this.topics.set(row.name, row);
    }
    return names.map((name) => {
      const topic = this.topics.get(name);
      if (!topic) throw MessagingErrors.UNKNOWN_TOPIC(`topic ${name} does not exist in the event log`, { topic: name });
      return topic;
    });
  }

  async append(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const byName = new Map(
      (await this.resolve([...new Set(messages.map((message) => message.topic))])).map((topic) => [topic.name, topic]),
    );
    const placed = messages.map((message) => {
      const topic = byName.get(message.topic) as TopicRow;
      const partition = message.key === null ? this.roundRobin++ % topic.partitions : partitionOf(message.key, topic.partitions);
      return { topicId: topic.id, partition, message };
    });
    await this.database.query('select append_messages($1, $2, $3, $4, $5)', [
      placed.map(({ topicId }) => topicId),
      placed.map(({ partition }) => partition),
      placed.map(({ message }) => message.key),
      placed.map(({ message }) => JSON.stringify(message.headers)),
      placed.map(({ message }) => (typeof message.value === 'string' ? Buffer.from(message.value) : message.value)),
    ]);
  }

  /** Messages from `offset` on, in order. */
  async read(topic: TopicRow, partition: number, offset: bigint, limit: number): Promise<IncomingMessage[]> {
    const rows = await this.database.query<{
      message_offset: string;
      key: string | null;
      headers: string;
      value: Buffer | null;
      written_at: Date;
    }>(
      `select message_offset, key, headers, value, written_at from messages
       where topic_id = $1 and partition = $2 and message_offset >= $3 order by message_offset limit $4`,
      [topic.id, partition, offset.toString(), limit],
    );
    return rows.map((row) => ({
      topic: topic.name,
      partition,
      offset: row.message_offset,
      key: row.key,
      value: row.value,
      headers: JSON.parse(row.headers) as Record<string, string>,
      time: row.written_at,
    }));
  }

  /** Where each partition of these topics ends, as 'topicId/partition' -> next offset. */
  async ends(topicIds: readonly number[]): Promise<Map<string, bigint>> {
    const rows = await this.database.query<{ topic_id: number; partition: number; next_offset: string }>(
      'select topic_id, partition, next_offset from partitions where topic_id = any($1)',
      [topicIds],
    );
    return new Map(rows.map((row) => [`${row.topic_id}/${row.partition}`, BigInt(row.next_offset)]));
  }

  async lag(group: string): Promise<PartitionLag[]> {
    const rows = await this.database.query<{ topic: string; partition: number; lag: string }>(
      `select t.name as topic, c.partition, greatest(p.next_offset - c.committed, 0) as lag
       from claims c join topics t on t.id = c.topic_id
       join partitions p on p.topic_id = c.topic_id and p.partition = c.partition
       where c.group_name = $1 order by 1, 2`,
      [group],
    );
    return rows.map((row) => ({ ...row, lag: Number(row.lag) }));
  }

  /**
   * Removes messages older than their topic keeps them, at most `rowsMax` of each topic; returns the most that went of one, so that it is
   * called again as long as that is `rowsMax`.
   */
  async purge(rowsMax: number): Promise<number> {
    let mostGone = 0;
    for (const { id, retention_days } of await this.database.query<{ id: number; retention_days: number }>(
      'select id, retention_days from topics order by id',
    )) {
      // Every process of every service does this: they share the rows instead of waiting for each other.
      const gone = await this.database.query(
        `delete from messages where ctid = any(array(
           select ctid from messages where topic_id = $1 and written_at < now() - make_interval(days => $2)
           order by written_at limit $3 for update skip locked)) returning 1`,
        [id, retention_days, rowsMax],
      );
      mostGone = Math.max(mostGone, gone.length);
    }
    return mostGone;
  }
}
