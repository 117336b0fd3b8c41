// SPDX-License-Identifier: Apache-2.0
import { remainingDeadlineMs } from '#libs/clock';
import type { Connections } from './connections';
import { PersistenceErrors } from './persistence.errors';
import { Database } from './ports';
import { activeScope } from './scope';

/** Autocommit statements on a pool. */
export class PgDatabase extends Database {
  constructor(private readonly pool: Connections) {
    super();
  }

  async query<Row = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<Row[]> {
    const scope = activeScope();
    if (scope) {
      throw PersistenceErrors.DATA_SOURCE_IN_TRANSACTION(`use the transaction inside the unit of work ${scope.label}`);
    }
    const connection = await this.pool.acquire();
    try {
      const left = remainingDeadlineMs();
      // The caller's deadline ends our wait; the server's own statement timeout ends the statement soon after.
      const timeoutMs = left !== undefined && left < this.pool.statementTimeoutMs ? Math.max(1, Math.ceil(left)) : undefined;
      return (await connection.query(sql, params, timeoutMs)).rows as Row[];
    } finally {
      connection.release();
    }
  }
}
