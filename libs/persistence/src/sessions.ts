// SPDX-License-Identifier: Apache-2.0
import { Client } from 'pg';
import { withArrayLiterals } from './array-parameters';

/** A connection of its own, for what lives as long as a connection: advisory locks and LISTEN. Errors are the driver's own. */
export interface Session {
  query(sql: string, params?: unknown[]): Promise<{ rows: unknown[] }>;
  /** Never throws. */
  end(): Promise<void>;
}

export interface SessionOptions {
  /** Shown in pg_stat_activity. */
  applicationName: string;
  queryTimeoutMs: number;
  statementTimeoutMs?: number;
  /** The server ends the session after so long without a statement. */
  idleTimeoutMs?: number;
  onNotice: (channel: string, payload: string) => void;
  /** The connection broke; called before anything waits on it, or while it is idle. */
  onLost: (error: Error) => void;
}

/** Opens one; rejects when the server does not answer within 5 s. */
export type OpenSession = (options: SessionOptions) => Promise<Session>;

/** Sessions of a real server. */
export function pgSessions(databaseUrl: string): OpenSession {
  return async (options) => {
    const { applicationName, queryTimeoutMs, statementTimeoutMs, idleTimeoutMs } = options;
    const client = new Client({
      connectionString: databaseUrl,
      application_name: applicationName,
      connectionTimeoutMillis: 5_000,
      query_timeout: queryTimeoutMs,
      keepAlive: true,
      ...(statementTimeoutMs === undefined ? {} : { statement_timeout: statementTimeoutMs }),
      ...(idleTimeoutMs === undefined ? {} : { options: `-c idle_session_timeout=${idleTimeoutMs}` }),
    });
    const end = (): Promise<void> => client.end().catch(() => undefined);
    client.on('error', options.onLost);
    client.on('end', () => options.onLost(new Error('Connection ended')));
    client.on('notification', ({ channel, payload }) => options.onNotice(channel, payload ?? ''));
    try {
      await client.connect();
    } catch (error) {
      await end();
      throw error;
    }
    return { query: (sql, params) => client.query(sql, withArrayLiterals(params)), end };
  };
}
