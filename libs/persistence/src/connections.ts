// SPDX-License-Identifier: Apache-2.0

/** Rows as pg gives them, and the command tag ('SELECT', 'COMMIT', 'ROLLBACK' ...). */
export interface Answer {
  rows: unknown[];
  command: string;
}

/** A connection on loan: statements run on it one after the other. What it throws is an AppError with a code of PERSISTENCE. */
export interface Connection {
  readonly isBroken: boolean;
  /** Close instead of reuse on release. */
  discard(): void;
  query(sql: string, params?: unknown[], timeoutMs?: number): Promise<Answer>;
  release(): void;
}

/** Where PgDatabase and PgUnitOfWork get their connections: the pool, or a simulated one. */
export interface Connections {
  readonly statementTimeoutMs: number;
  acquire(): Promise<Connection>;
}
