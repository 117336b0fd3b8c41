// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A topic made anew, or a log that was lost, gives its offsets to other messages. The letter of a message that is in no log any more
 * must not stand for the one that has its place now, so it gives the place up: `former_offset` keeps where it was, and
 * `message_offset` is null, which is unique beside any other.
 *
 * Why not `message_time` in the unique key: builds before this one say `on conflict (consumer, topic, partition, message_offset)`, and
 * Postgres takes that for no other than a unique index of these four columns. While such a build may run (a rolling restart, a
 * roll-back) the index has to stay as it is, and as long as it stays no two letters can share the place. So the newest message has it,
 * which is also the one that an old build would mean; that build lists and replays both, the former one without its offset. Once no
 * such build is left, a key with `message_time` can take the place of all this.
 */
export class FreePlacesOfDeadLetters1763900000104 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table dead_letters add column former_offset bigint, alter column message_offset drop not null;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Letters without a place have none in the old table; they are lost with it.
    await runner.query(`
      delete from dead_letters where message_offset is null;
      alter table dead_letters drop column former_offset, alter column message_offset set not null;
    `);
  }
}
