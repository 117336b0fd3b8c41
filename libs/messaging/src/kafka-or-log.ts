// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { Broker } from './broker';
import { EventLogBroker } from './event-log/event-log-broker';
import { KafkaBroker } from './kafka/kafka-broker';

/** The part of ServiceSettings that chooses the broker. */
export interface BrokerSettings {
  broker: 'event-log' | 'kafka';
  eventLogUrl: string;
  kafkaBrokers: string[];
}

/** The broker that the settings name. Nothing connects before `start`. */
export function kafkaOrLog(settings: BrokerSettings, tools: { service: string; logger: Logger; clock: Clock }): Broker {
  if (settings.broker === 'kafka') return new KafkaBroker({ brokers: settings.kafkaBrokers, ...tools });
  return new EventLogBroker({ databaseUrl: settings.eventLogUrl, ...tools });
}
