// SPDX-License-Identifier: Apache-2.0
import { SystemClock, type Clock } from '#libs/clock';
import { PgIdempotency, type Idempotency } from './idempotency';
import { PgDatabase } from './pg-database';
import { PgUnitOfWork } from './pg-unit-of-work';
import { ConnectionPool, type PoolOptions, type PoolStats } from './pool';
import type { Database, UnitOfWork } from './ports';

export interface PersistenceOptions extends PoolOptions {
  clock?: Clock;
  /** Called with what a callback of afterCommit throws; default: ends the process, as an unhandled error does. */
  reportError?: (error: unknown) => void;
}

/** One service's access to its database. */
export interface Persistence {
  database: Database;
  unitOfWork: UnitOfWork;
  idempotency: Idempotency;
  poolStats(): PoolStats;
  close(): Promise<void>;
}

/** Opens the pool and what runs on it. Connects on first use, so it also succeeds while the database is down. */
export function openPersistence(options: PersistenceOptions): Persistence {
  const pool = new ConnectionPool(options);
  return {
    database: new PgDatabase(pool),
    unitOfWork: new PgUnitOfWork(pool, options.clock ?? new SystemClock(), options.reportError),
    idempotency: new PgIdempotency(),
    poolStats: () => pool.stats(),
    close: () => pool.close(),
  };
}
