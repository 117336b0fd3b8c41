// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The event log: topics, partitions, messages, groups. Offsets are given out under the partition's row lock, so they become
 * visible in order and a reader that remembers the last offset misses nothing.
 */
export class CreateEventLog1763900000201 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table topics (
        id int generated always as identity primary key,
        name text not null unique,
        partitions int not null check (partitions between 1 and 256),
        retention_days int not null check (retention_days > 0)
      );
      create table partitions (
        topic_id int not null references topics on delete cascade,
        partition int not null,
        next_offset bigint not null default 0,
        primary key (topic_id, partition)
      ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.5);
      create table messages (
        topic_id int not null,
        partition int not null,
        message_offset bigint not null,
        key text,
        headers text not null,
        value bytea,
        written_at timestamptz not null default now(),
        primary key (topic_id, partition, message_offset)
      );
      create index messages_written_at on messages using brin (written_at);
      create table members (
        id uuid primary key,
        group_name text not null,
        topics text[] not null,
        lease_until timestamptz not null
      ) with (fillfactor = 50);
      create index members_group on members (group_name);
      create table claims (
        group_name text not null,
        topic_id int not null references topics on delete cascade,
        partition int not null,
        owner uuid,
        epoch bigint not null default 0,
        committed bigint not null default 0,
        primary key (group_name, topic_id, partition)
      ) with (fillfactor = 50);
    `);
    await runner.query(APPEND);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop function append_messages; drop table claims, members, messages, partitions, topics');
  }
}

// One round trip per batch. Partitions are locked in one order, so writers never deadlock; the notice wakes readers at commit.
const APPEND = `
  create function append_messages(topic_ids int[], partition_numbers int[], keys text[], headers text[], contents bytea[])
  returns void language plpgsql as $$
  declare
    touched text;
  begin
    perform 1 from partitions p
      where (p.topic_id, p.partition) in (select distinct t, n from unnest(topic_ids, partition_numbers) as u (t, n))
      order by p.topic_id, p.partition for update;
    insert into messages (topic_id, partition, message_offset, key, headers, value)
      select u.t, u.n, p.next_offset + row_number() over (partition by u.t, u.n order by u.ord) - 1, u.k, u.h, u.v
      from unnest(topic_ids, partition_numbers, keys, headers, contents) with ordinality as u (t, n, k, h, v, ord)
      join partitions p on p.topic_id = u.t and p.partition = u.n;
    update partitions p set next_offset = p.next_offset + c.written
      from (select t, n, count(*) as written from unnest(topic_ids, partition_numbers) as u (t, n) group by t, n) c
      where p.topic_id = c.t and p.partition = c.n;
    select string_agg(distinct t || '/' || n, ' ') into touched from unnest(topic_ids, partition_numbers) as u (t, n);
    -- A notice carries at most 8000 bytes; an empty one means "look everywhere".
    perform pg_notify('messages', case when length(touched) > 7000 then '' else touched end);
  end $$;
`;
