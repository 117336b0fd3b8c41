// SPDX-License-Identifier: Apache-2.0
import { CommonErrors, hasCode, isAppError, type AppError } from '#libs/errors';
import { Clock, remainingDeadlineMs, SystemClock } from '#libs/clock';
import type { Connection, Connections } from './connections';
import { PersistenceErrors } from './persistence.errors';
import { Transaction, UnitOfWork, type UnitOfWorkOptions } from './ports';
import { activeScope, runInScope, type Scope } from './scope';

const TRIES_MAX = 3;
const BACK_OFF_MS = 20;

/** Units of work on a pool of Postgres connections. */
export class PgUnitOfWork extends UnitOfWork {
  constructor(
    private readonly pool: Connections,
    private readonly clock: Clock = new SystemClock(),
    private readonly reportError: (error: unknown) => void = rethrowLater,
    private readonly random: () => number = Math.random,
  ) {
    super();
  }

  async run<T>(work: (tx: Transaction) => Promise<T>, options: UnitOfWorkOptions = {}): Promise<T> {
    const outer = activeScope();
    if (outer)
      throw PersistenceErrors.NESTED_TRANSACTION(`unit of work ${options.label ?? ''} was started inside ${outer.label}`);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.runOnce(work, options);
      } catch (error) {
        if (!hasCode(error, 'PERSISTENCE.SERIALIZATION') || attempt >= TRIES_MAX) throw error;
        // Jitter, so that two that collided do not collide again.
        await this.clock.sleep(BACK_OFF_MS * attempt * (0.5 + this.random()));
      }
    }
  }

  private async runOnce<T>(work: (tx: Transaction) => Promise<T>, options: UnitOfWorkOptions): Promise<T> {
    const connection = await this.pool.acquire();
    const scope: Scope = { active: true, label: options.label ?? 'unnamed' };
    const tx = new PgTransaction(connection, scope);
    let result: T;
    try {
      await connection.query(this.begin(options));
      result = await runInScope(scope, () => work(tx));
      scope.active = false;
      await commit(connection);
    } catch (error) {
      scope.active = false;
      await rollBack(connection);
      throw error;
    } finally {
      scope.active = false;
      connection.release();
    }
    for (const fn of tx.committed) this.runCommitted(fn);
    return result;
  }

  private begin(options: UnitOfWorkOptions): string {
    const begin = `begin isolation level ${options.isolation ?? 'read committed'}`;
    const left = remainingDeadlineMs();
    if (left === undefined || left >= this.pool.statementTimeoutMs) return begin;
    if (left < 1) throw CommonErrors.DEADLINE('the deadline passed before the transaction began');
    // One round trip for both; SET LOCAL ends with the transaction.
    return `${begin}; set local statement_timeout = ${Math.ceil(left)}`;
  }

  private runCommitted(fn: () => void): void {
    try {
      runInScope(undefined, fn);
    } catch (error) {
      this.reportError(error);
    }
  }
}

class PgTransaction extends Transaction {
  readonly committed: (() => void)[] = [];

  constructor(
    private readonly connection: Connection,
    private readonly scope: Scope,
  ) {
    super();
  }

  async query<Row = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<Row[]> {
    if (!this.scope.active) throw PersistenceErrors.TRANSACTION_ENDED(`the unit of work ${this.scope.label} is over`);
    return (await this.connection.query(sql, params)).rows as Row[];
  }

  afterCommit(fn: () => void): void {
    this.committed.push(fn);
  }
}

async function commit(connection: Connection): Promise<void> {
  let tag: string;
  try {
    tag = (await connection.query('commit')).command;
  } catch (error) {
    // The answer to COMMIT is lost, so nobody knows whether it happened. An answer of the server is certain.
    const certain = isAppError(error) && error.details['sqlstate'] !== undefined && !connection.isBroken;
    throw certain ? error : commitUnknown(error);
  }
  // COMMIT of a failed transaction answers ROLLBACK, without an error.
  if (tag === 'ROLLBACK') throw PersistenceErrors.TRANSACTION_ABORTED('a statement had failed, so COMMIT rolled back');
}

function commitUnknown(cause: unknown): AppError {
  return PersistenceErrors.COMMIT_UNKNOWN('the connection was lost during COMMIT', {}, cause);
}

async function rollBack(connection: Connection): Promise<void> {
  if (connection.isBroken) return; // the server rolls back when the connection is gone
  try {
    await connection.query('rollback');
  } catch {
    // Closing the connection rolls back as well, and the work's own error matters more than this one.
    connection.discard();
  }
}

function rethrowLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
