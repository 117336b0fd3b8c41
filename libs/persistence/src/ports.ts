// SPDX-License-Identifier: Apache-2.0

/**
 * One open transaction. Rows come back as pg gives them: bigint and numeric as string, timestamptz as Date, date as
 * 'YYYY-MM-DD', jsonb parsed. Errors are AppErrors with the codes of PERSISTENCE.
 */
export abstract class Transaction {
  abstract query<Row = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<Row[]>;
  /** Runs `fn` once the transaction is committed (never when it is rolled back); what it throws is not seen by the work. */
  abstract afterCommit(fn: () => void): void;
}

export interface UnitOfWorkOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** Name for logs and errors. */
  label?: string;
}

/**
 * Runs work in one transaction: commits when it returns, rolls back when it throws. A serialisation failure or deadlock
 * runs the work again (3 tries), so it must have no effect outside the transaction. Refuses to nest.
 */
export abstract class UnitOfWork {
  abstract run<T>(work: (tx: Transaction) => Promise<T>, options?: UnitOfWorkOptions): Promise<T>;
}

/** Single statements outside a transaction. Throws PERSISTENCE.DATA_SOURCE_IN_TRANSACTION inside a unit of work. */
export abstract class Database {
  abstract query<Row = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<Row[]>;
}

/** What a repository takes: a transaction or the database. */
export type Queryable = Pick<Transaction, 'query'>;
