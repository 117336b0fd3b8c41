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
  /** Default 45. */
  kafkaSessionSeconds?: number;
}

/** The broker that the settings name. Nothing connects before `start`. */
export function kafkaOrLog(settings: BrokerSettings, tools: { service: string; logger: Logger; clock: Clock }): Broker {
  if (settings.broker === 'kafka') {
    return new KafkaBroker({ brokers: settings.kafkaBrokers, timings: timingsOf(settings.kafkaSessionSeconds ?? 45), ...tools });
  }
  return new EventLogBroker({ databaseUrl: settings.eventLogUrl, ...tools });
}

/** Fifteen signs of life per session, at most one each second: one lost packet must not cost a rebalance. */
function timingsOf(sessionSeconds: number): { sessionTimeoutMs: number; heartbeatMs: number } {
  const sessionTimeoutMs = sessionSeconds * 1_000;
  return { sessionTimeoutMs, heartbeatMs: Math.max(1_000, Math.round(sessionTimeoutMs / 15)) };
}
