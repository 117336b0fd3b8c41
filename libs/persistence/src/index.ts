// SPDX-License-Identifier: Apache-2.0
export { Database, Transaction, UnitOfWork } from './ports';
export type { Queryable, UnitOfWorkOptions } from './ports';
export { openPersistence } from './open-persistence';
export type { Persistence, PersistenceOptions } from './open-persistence';
export { ConnectionPool } from './pool';
export type { PoolOptions, PoolStats } from './pool';
export { PgDatabase } from './pg-database';
export { PgUnitOfWork } from './pg-unit-of-work';
export { Idempotency, PgIdempotency, purgeIdempotencyKeys } from './idempotency';
export type { IdempotencyKey } from './idempotency';
export { missingMigrations, runMigrations } from './run-migrations';
export type { MigrationClass, MigrationRun } from './run-migrations';
export { persistenceMigrations } from './migrations';
export { decodePageToken, encodePageToken, pageSize } from './page-tokens';
export type { KeysetValue } from './page-tokens';
export { isUniqueViolation, mapDriverError } from './sqlstate';
export { PersistenceErrors } from './persistence.errors';
