// SPDX-License-Identifier: Apache-2.0
import { hasCode } from '#libs/errors';
import { PgUnitOfWork } from '#libs/persistence';
import { ConsumerHost } from '../../libs/messaging/src/consumer-host';
import { EventLogSubscription } from '../../libs/messaging/src/event-log/event-log-subscription';
import { PartitionWorker } from '../../libs/messaging/src/event-log/partition-worker';
import { EventRunner } from '../../libs/messaging/src/event-runner';
import { claimEvents } from '../../libs/messaging/src/inbox';
import { OutboxRelay } from '../../libs/messaging/src/outbox-relay';
import { replaceMethod, replaceSql, type Mutant, type Self } from './mutant';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'skip the inbox insert',
    twist: {
      sql: (sql) =>
        sql.startsWith('insert into inbox') ? "select key as event_key from unnest($2::text[]) as key where $1::text <> ''" : sql,
    },
  },
  {
    name: 'write the inbox row in a transaction of its own',
    apply: replaceMethod(
      EventRunner,
      'handleOnce',
      () =>
        async function (this: Self, handler: Self, events: Self[]) {
          const fresh = await this.tools.unitOfWork.run((tx: Self) => claimEvents(tx, this.consumer, events));
          if (fresh.length > 0) await this.tools.unitOfWork.run((tx: Self) => handler.handle(fresh, tx));
        },
    ),
  },
  {
    name: 'mark events as sent before they are sent',
    apply: replaceMethod(
      OutboxRelay,
      'send',
      () =>
        async function (this: Self, store: Self, rows: Self[]) {
          await this.mark(store, rows);
          return this.options.broker.publish(rows.map((row) => row.message)).then(
            () => true,
            () => false,
          );
        },
    ),
  },
  {
    name: 'read the outbox by a cursor instead of by state',
    twist: replaceSql(
      'where published_at is null and',
      'where position > (select coalesce(max(position), 0) from outbox where published_at is not null) and published_at is null and',
    ),
  },
  {
    name: 'commit the offset before the effect',
    apply: replaceMethod(
      PartitionWorker,
      'handle',
      () =>
        async function (this: Self, messages: Self[]) {
          this.position = BigInt(messages[messages.length - 1].offset) + 1n;
          if (!(await this.tools.groups.commit(this.member, this.claim, this.position))) return false;
          await this.tools.slots.run(() => this.call(messages));
          return true;
        },
    ),
  },
  {
    name: 'lead the relay without the lock',
    twist: replaceSql('pg_try_advisory_lock(hashtextextended($1, 0)) as lead', 'true as lead'),
  },
  {
    name: 'commit offsets without looking at owner and epoch',
    twist: {
      sql: (sql) =>
        sql.startsWith('update claims set committed')
          ? sql.replace('and owner = $4 and epoch = $5', 'and $4::text is not null')
          : sql,
    },
  },
  {
    name: 'acknowledge a whole batch of which a part was handled',
    apply: replaceMethod(
      ConsumerHost,
      'handle',
      (original) =>
        async function (this: Self, batch: Self) {
          await original.call(this, batch);
          return { processed: batch.messages.length };
        },
    ),
  },
  {
    name: 'take gathered partitions for done although their transaction failed',
    apply: replaceMethod(
      EventRunner,
      'runTogether',
      (original) =>
        async function (this: Self, handler: Self, events: Self[]) {
          await original.call(this, handler, events);
          return true;
        },
    ),
  },
  {
    name: 'send later events of a key while an earlier one is refused',
    apply: replaceMethod(OutboxRelay, 'park', () => () => true),
  },
  {
    name: 'repeat a transaction whose COMMIT was not answered',
    apply: replaceMethod(
      PgUnitOfWork,
      'run',
      (original) =>
        async function (this: Self, ...args: Self[]) {
          try {
            return await original.apply(this, args);
          } catch (error) {
            if (!hasCode(error, 'PERSISTENCE.COMMIT_UNKNOWN')) throw error;
            return original.apply(this, args);
          }
        },
    ),
  },
  {
    // The bug that seed 97 found.
    name: 'leave partitions that lie free to the next change of the group',
    twist: replaceSql('where c.owner is null and m.id', 'where c.owner is null and false and m.id'),
  },
  {
    // The bug that seed 159 found.
    name: 'keep a partition whose release failed',
    twist: replaceSql(
      'update claims set owner = null where group_name = $1 and topic_id = $2 and owner = $3 and not partition = any($4)',
      'select 1 where $1::text is null and $2::int is null and $3::text is null and $4::text is null',
    ),
    apply: replaceMethod(
      EventLogSubscription,
      'letGo',
      () =>
        async function (this: Self, worker: Self) {
          this.workers.delete(worker.place);
          await worker.stop();
          await this.tools.groups.release(this.member, worker.claim).catch(() => undefined);
        },
    ),
  },
  {
    name: 'let a member that was put out of its group commit',
    twist: { world: (world) => (world.kafka.checksGeneration = false) },
  },
  {
    name: 'put poison aside only after a minute',
    apply: replaceMethod(
      EventRunner,
      'putAside',
      (original) =>
        async function (this: Self, ...args: Self[]) {
          await this.tools.clock.sleep(60_000);
          return original.apply(this, args);
        },
    ),
  },
];
