// SPDX-License-Identifier: Apache-2.0
export { Broker } from './broker';
export type {
  BatchOutcome,
  IncomingMessage,
  MessageBatch,
  OutgoingMessage,
  PartitionLag,
  SubscribeOptions,
  Subscription,
  TopicSpec,
} from './broker';
export { EventConsumer, on, onBatch, onRaw, onRawBatch } from './events';
export type { BatchBounds, EventHandler, ReceivedEvent } from './events';
export { EventPublisher, OutboxPublisher } from './event-publisher';
export type { NewEvent, OutboxPublisherOptions } from './event-publisher';
export { DeadLetters, PgDeadLetters } from './dead-letters';
export type { DeadLetter, DeadLetterFilter, DeadLetterPage, DeadLetterState, DeadLetterSummary } from './dead-letters';
export { DEFAULT_WORKSPACE, parseCloudEvent, toHeaders } from './cloud-events';
export type { CloudEvent, EventAttributes } from './cloud-events';
export { Messaging } from './messaging';
export type { MessagingOptions } from './messaging';
export { MessagingErrors } from './messaging.errors';
export { messagingMigrations } from './migrations';
export { EventLogBroker } from './event-log/event-log-broker';
export type { EventLogOptions } from './event-log/event-log-broker';
export { eventLogMigrations } from './event-log/migrations';
export { KafkaBroker } from './kafka/kafka-broker';
export type { KafkaOptions } from './kafka/kafka-broker';
export { GroupOffsets } from './group-offsets';
export type { GroupPosition, NewPosition } from './group-offsets';
export { EventLogOffsets } from './event-log/event-log-offsets';
export { KafkaOffsets } from './kafka/kafka-offsets';
export { kafkaOrLog } from './kafka-or-log';
export type { BrokerSettings } from './kafka-or-log';
