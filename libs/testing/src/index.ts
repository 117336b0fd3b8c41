// SPDX-License-Identifier: Apache-2.0
export { eventually } from './eventually';
export { orInterrupted } from './or-interrupted';
export { createTestDatabase, dropTestDatabase, testDatabaseUrl, useTestDatabase } from './test-database';
export type { TestDatabase } from './test-database';
export { projectRoot } from './project-root';
export { KilledProcess, spawnProcess, spawnService } from './spawn-process';
export type { SpawnOptions } from './spawn-process';
export { startTestService } from './start-test-service';
export type { TestService, TestServiceOptions } from './start-test-service';
export { startKafkaForTests } from './test-kafka';
export type { TestKafka } from './test-kafka';
