// SPDX-License-Identifier: Apache-2.0
import { Pool, types, type PoolClient } from 'pg';
import { CommonErrors, type AppError } from '#libs/errors';
import { remainingDeadlineMs } from '#libs/clock';
import { withArrayLiterals } from './array-parameters';
import type { Answer, Connection, Connections } from './connections';
import { PersistenceErrors } from './persistence.errors';
import { breaksConnection, mapConnectError, mapDriverError } from './sqlstate';

/** Size and time limits of a pool; each default is a bound that keeps a stuck part from spreading. */
export interface PoolOptions {
  databaseUrl: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  connectionsMax?: number;
  connectTimeoutMs?: number;
  statementTimeoutMs?: number;
  /** Longer than the statement timeout: it fires only when the server itself is frozen. */
  queryTimeoutMs?: number;
  idleInTransactionTimeoutMs?: number;
}

export interface PoolStats {
  total: number;
  idle: number;
  waiting: number;
}

const DEFAULTS = {
  connectionsMax: 10,
  connectTimeoutMs: 2_000,
  statementTimeoutMs: 10_000,
  queryTimeoutMs: 15_000,
  idleInTransactionTimeoutMs: 15_000,
};

const DATE_OID = 1082;

/** A bounded set of connections to one database. Broken connections are dropped, so it recovers by itself. */
export class ConnectionPool implements Connections {
  private static readonly open = new Set<ConnectionPool>();
  private readonly pool: Pool;
  private readonly options: PoolOptions & typeof DEFAULTS;
  private closing?: Promise<void>;

  constructor(options: PoolOptions) {
    this.options = { ...DEFAULTS, ...definedOnly(options) } as PoolOptions & typeof DEFAULTS;
    this.pool = new Pool({
      connectionString: options.databaseUrl,
      application_name: options.applicationName,
      max: this.options.connectionsMax,
      connectionTimeoutMillis: this.options.connectTimeoutMs,
      query_timeout: this.options.queryTimeoutMs,
      statement_timeout: this.options.statementTimeoutMs,
      idle_in_transaction_session_timeout: this.options.idleInTransactionTimeoutMs,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      types: {
        // A day has no zone: pg's default (local midnight as Date) moves it by the zone of the process.
        getTypeParser: ((oid: number, format?: 'text' | 'binary'): unknown =>
          oid === DATE_OID ? (value: string) => value : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
      },
    });
    // An idle connection that breaks is removed by the pool; without a listener the error would end the process.
    this.pool.on('error', () => undefined);
    ConnectionPool.open.add(this);
  }

  /** Pools of this process that were not closed; tests fail on leftovers. */
  static openPools(): readonly string[] {
    return [...ConnectionPool.open].map((pool) => pool.options.applicationName);
  }

  get statementTimeoutMs(): number {
    return this.options.statementTimeoutMs;
  }

  stats(): PoolStats {
    return { total: this.pool.totalCount, idle: this.pool.idleCount, waiting: this.pool.waitingCount };
  }

  /** Hands out a connection; give it back with `release(error?)`. */
  async acquire(): Promise<PooledConnection> {
    const left = remainingDeadlineMs();
    if (left === 0) throw CommonErrors.DEADLINE('the deadline passed before the database was asked');
    try {
      return new PooledConnection(await this.pool.connect());
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** Waits for connections in use, then closes all. Safe to call twice. */
  close(): Promise<void> {
    this.closing ??= this.pool.end().finally(() => ConnectionPool.open.delete(this));
    return this.closing;
  }

  private explain(error: unknown): AppError {
    const text = error instanceof Error ? error.message : '';
    if (/timeout exceeded when trying to connect/.test(text)) {
      const { total, waiting } = this.stats();
      if (total >= this.options.connectionsMax) {
        return PersistenceErrors.POOL_EXHAUSTED('all database connections are in use', { waiting }, error);
      }
      return PersistenceErrors.UNAVAILABLE('the database does not accept connections', {}, error);
    }
    if (/Cannot use a pool after calling end/.test(text)) {
      return PersistenceErrors.UNAVAILABLE('the database pool is closed', {}, error);
    }
    return mapConnectError(error);
  }
}

/** One connection on loan. Errors are mapped; one that breaks the connection keeps it from going back. */
export class PooledConnection implements Connection {
  private broken = false;
  private readonly onError = (): void => {
    this.broken = true;
  };

  constructor(private readonly client: PoolClient) {
    // A connection that breaks while on loan and idle tells so by an event; unheard, it would end the process.
    client.on('error', this.onError);
  }

  get isBroken(): boolean {
    return this.broken;
  }

  /** Close instead of reuse on release. */
  discard(): void {
    this.broken = true;
  }

  async query(sql: string, params?: unknown[], timeoutMs?: number): Promise<Answer> {
    try {
      // query_timeout per query is a documented pg option that its types lack.
      const config = {
        text: sql,
        values: withArrayLiterals(params),
        ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs }),
      };
      return await this.client.query(config);
    } catch (error) {
      if (breaksConnection(error)) this.broken = true;
      throw mapDriverError(error);
    }
  }

  release(): void {
    this.client.off('error', this.onError);
    this.client.release(this.broken);
  }
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
