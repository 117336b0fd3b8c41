// SPDX-License-Identifier: Apache-2.0
import { SystemClock, UuidIds } from '#libs/clock';
import type { EventDefinition } from '#libs/contracts';
import { Metrics, silentLogger } from '#libs/observability';
import { openPersistence, type Persistence } from '#libs/persistence';
import {
  EventConsumer,
  EventLogBroker,
  KafkaBroker,
  Messaging,
  type BatchBounds,
  type Broker,
  type EventHandler,
  type MessagingOptions,
} from '../src';

export interface Counted {
  n: number;
}

/** An event of our own on a topic of the registry. */
export const Moved: EventDefinition<Counted> = {
  type: 'millrace.spec.moved.v1',
  topic: 'registry.alias.v1',
  toJSON: (data) => data,
  fromJSON: (json) => ({ n: Number((json as { n?: number }).n ?? 0) }),
};

export class SpecConsumer extends EventConsumer {
  constructor(
    readonly group: string,
    readonly handlers: EventHandler[],
    override readonly batch: BatchBounds = { sizeMax: 50 },
  ) {
    super();
  }
}

/** One process of a service, as service-host would wire it. */
export interface Rig {
  messaging: Messaging;
  persistence: Persistence;
  broker: Broker;
  metrics: Metrics;
  fatal: unknown[];
  publish(aggregateId: string, ...numbers: number[]): Promise<void>;
  stop(): Promise<void>;
}

export interface RigOptions extends Partial<MessagingOptions> {
  group?: string;
  batch?: BatchBounds;
  sessionTimeoutMs?: number;
  /** How often the event log is looked at without a notice. */
  logPollMs?: number;
}

export async function startRig(
  urls: { database: string; eventLog?: string; kafka?: string[] },
  handlers: EventHandler[],
  options: RigOptions = {},
): Promise<Rig> {
  const logger = silentLogger();
  const clock = new SystemClock();
  const metrics = new Metrics('spec');
  const fatal: unknown[] = [];
  const persistence = openPersistence({ databaseUrl: urls.database, applicationName: 'rig' });
  const broker: Broker =
    urls.kafka === undefined
      ? new EventLogBroker({
          databaseUrl: urls.eventLog ?? '',
          service: 'spec',
          logger,
          leaseMs: 1_500,
          heartbeatMs: 300,
          pollMs: options.logPollMs ?? 500,
        })
      : new KafkaBroker({
          brokers: urls.kafka,
          service: 'spec',
          logger,
          timings: { sessionTimeoutMs: options.sessionTimeoutMs ?? 6_000, heartbeatMs: 500, fetchWaitMs: 100 },
        });
  const messaging = new Messaging({
    service: 'spec',
    build: 'b1',
    databaseUrl: urls.database,
    database: persistence.database,
    unitOfWork: persistence.unitOfWork,
    broker,
    clock,
    ids: new UuidIds(),
    logger,
    metrics,
    onFatal: (error) => fatal.push(error),
    replayPollMs: 50,
    ...options,
  });
  messaging.start([new SpecConsumer(options.group ?? 'spec.moves', handlers, options.batch)]);
  await messaging.started();
  return {
    messaging,
    persistence,
    broker,
    metrics,
    fatal,
    publish: (aggregateId, ...numbers) =>
      persistence.unitOfWork.run(async (tx) => {
        await messaging.publisher.publishMany(
          tx,
          Moved,
          numbers.map((n) => ({ workspace: 'team-a', aggregateId, aggregateVersion: n, data: { n } })),
        );
      }),
    stop: async () => {
      await messaging.stopConsumers();
      await messaging.stopRelay();
      await broker.close();
      await persistence.close();
      metrics.close();
    },
  };
}
