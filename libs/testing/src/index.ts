// SPDX-License-Identifier: Apache-2.0
export { eventually } from './eventually';
export { createTestDatabase, dropTestDatabase, testDatabaseUrl, useTestDatabase } from './test-database';
export type { TestDatabase } from './test-database';
