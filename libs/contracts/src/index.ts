// SPDX-License-Identifier: Apache-2.0
export * as dataprep from './dataprep';
export * as gateway from './gateway';
export * as ingestion from './ingestion';
export * as monitoring from './monitoring';
export * as registry from './registry';
export * as training from './training';
export { Events, findEvent, listEvents, type EventDefinition } from './events';
export { fileDescriptors } from './gen/descriptors';
export { findTopic, listTopics, Topics, type OrderingNeed, type TopicDefinition } from './topics';
