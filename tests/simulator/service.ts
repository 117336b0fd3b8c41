// SPDX-License-Identifier: Apache-2.0
import type { EventDefinition } from '#libs/contracts';
import { invalidFields } from '#libs/errors';
import {
  EventConsumer,
  EventLogBroker,
  Messaging,
  on,
  onBatch,
  onRawBatch,
  type BatchBounds,
  type Broker,
  type EventHandler,
  type ReceivedEvent,
} from '#libs/messaging';
import { PgDatabase, PgIdempotency, PgUnitOfWork, type Transaction, type UnitOfWork } from '#libs/persistence';
import type { SimProcess } from './kernel';
import { silentLogger, silentMetrics } from './silent';
import { SimConnections, simSessions } from './sim-driver';
import { SimKafkaBroker, type SimKafka } from './sim-kafka';
import type { SimPostgres } from './sql/server';

export const TOPIC = { name: 'accounts.v1', partitions: 2, retentionDays: 7 };

export interface Changed {
  requestId: string;
  poison: boolean;
}

export const ChangedEvent: EventDefinition<Changed> = {
  type: 'sim.account-changed.v1',
  topic: TOPIC.name,
  toJSON: (data) => data,
  fromJSON: (json) => json as Changed,
};

/** Tables of the service's own: accounts and their changes, and what the consumer made of the events. */
export const SERVICE_TABLES = `
  create table accounts (workspace text not null, id text not null, version bigint not null default 0, primary key (workspace, id));
  create table changes (workspace text not null, number bigint generated always as identity primary key, account text not null, version bigint not null, request_id text not null, event_id text not null);
  create table effect_keys (workspace text not null, event_id text not null, primary key (workspace, event_id));
  create table effects (workspace text not null, number bigint generated always as identity primary key, event_id text not null, account text not null, version bigint not null)`;

export interface Surroundings {
  db: SimPostgres;
  log?: SimPostgres;
  kafka: SimKafka;
  batches: boolean;
  ownsDuplicates: boolean;
  gathers: boolean;
}

/** One replica: the real messaging library around a small use case and a small consumer. */
export class Service {
  readonly messaging: Messaging;
  readonly unitOfWork: UnitOfWork;
  private readonly idempotency = new PgIdempotency();

  constructor(
    readonly process: SimProcess,
    private readonly around: Surroundings,
  ) {
    const { clock } = process;
    const { random } = process.kernel;
    const connections = new SimConnections(process, around.db);
    this.unitOfWork = new PgUnitOfWork(connections, clock, failLoudly, random);
    this.messaging = new Messaging({
      service: 'sim',
      build: 'sim',
      databaseUrl: '',
      openSession: simSessions(process, around.db),
      database: new PgDatabase(connections),
      unitOfWork: this.unitOfWork,
      broker: this.broker(),
      clock,
      ids: process.ids(),
      logger: silentLogger,
      metrics: silentMetrics,
      onFatal: failLoudly,
      random,
      topics: [TOPIC],
      replayPollMs: 10_000,
    });
  }

  start(): void {
    this.messaging.start([new EffectsConsumer(this.around)]);
  }

  /** The use case: the account's row lock orders its versions, the event leaves in the same transaction. */
  change(account: string, data: Changed, repeatable: boolean): Promise<number> {
    return this.unitOfWork.run((tx) => {
      const key = { workspace: 'w', operation: 'Change', requestId: repeatable ? data.requestId : undefined, request: data };
      return this.idempotency.once(tx, key, () => this.applyChange(tx, account, data));
    });
  }

  private async applyChange(tx: Transaction, account: string, data: Changed): Promise<number> {
    const [row] = await tx.query<{ version: string }>(
      'insert into accounts as a (workspace, id, version) values ($1, $2, 1) on conflict (workspace, id) do update set version = a.version + 1 returning version',
      ['w', account],
    );
    const version = Number(row.version);
    const event = { workspace: 'w', aggregateId: account, aggregateVersion: version, data };
    const eventId = await this.messaging.publisher.publish(tx, ChangedEvent, event);
    await tx.query('insert into changes (workspace, account, version, request_id, event_id) values ($1, $2, $3, $4, $5)', [
      'w',
      account,
      version,
      data.requestId,
      eventId,
    ]);
    return version;
  }

  private broker(): Broker {
    const { process, around } = this;
    if (!around.log) return new SimKafkaBroker(process, around.kafka);
    const connections = new SimConnections(process, around.log);
    return new EventLogBroker({
      databaseUrl: '',
      service: 'sim',
      logger: silentLogger,
      clock: process.clock,
      ids: process.ids(),
      persistence: {
        database: new PgDatabase(connections),
        unitOfWork: new PgUnitOfWork(connections, process.clock, failLoudly, process.kernel.random),
        close: async () => undefined,
      },
      openSession: simSessions(process, around.log),
    });
  }
}

function failLoudly(error: unknown): never {
  throw error;
}

class EffectsConsumer extends EventConsumer {
  readonly group = 'sim.effects';
  readonly handlers: EventHandler[];
  override readonly batch: BatchBounds;

  constructor({ batches, ownsDuplicates, gathers }: Pick<Surroundings, 'batches' | 'ownsDuplicates' | 'gathers'>) {
    super();
    this.batch = gathers ? { sizeMax: 4, gatherMs: 20 } : { sizeMax: 4 };
    if (ownsDuplicates) this.handlers = [onRawBatch(TOPIC.name, (events, tx) => applyNew(events, tx), { ownsDuplicates })];
    else if (batches) this.handlers = [onBatch(ChangedEvent, (events, tx) => apply(events, tx))];
    else this.handlers = [on(ChangedEvent, (event, tx) => apply([event], tx))];
  }
}

/** As a table that is itself unique by event would. */
async function applyNew(events: readonly ReceivedEvent[], tx: Transaction): Promise<number> {
  const rows = await tx.query<{ event_id: string }>(
    'insert into effect_keys (workspace, event_id) select $1, id from unnest($2::text[]) as id on conflict do nothing returning event_id',
    ['w', events.map((event) => event.id).sort()],
  );
  const fresh = new Set(rows.map((row) => row.event_id));
  await apply(events.filter((event) => fresh.has(event.id)) as ReceivedEvent<Changed>[], tx);
  return rows.length;
}

async function apply(events: readonly ReceivedEvent<Changed>[], tx: Transaction): Promise<void> {
  for (const event of events) {
    await tx.query('insert into effects (workspace, event_id, account, version) values ($1, $2, $3, $4)', [
      'w',
      event.id,
      event.aggregateId,
      event.aggregateVersion,
    ]);
    if (event.data.poison) throw invalidFields({ field: 'poison', message: 'is set' });
  }
}
