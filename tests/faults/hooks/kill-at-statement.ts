// SPDX-License-Identifier: Apache-2.0
// Kills the process right before the n-th statement that changes a schema (KILL_AT_STATEMENT, counted from 1).
import { Client } from 'pg';

const CHANGES = /^\s*(create|alter|insert into "?schema_migrations)/i;
const killAt = Number(process.env.KILL_AT_STATEMENT);
let seen = 0;

interface Queries {
  query(...args: unknown[]): unknown;
}

const prototype = Client.prototype as unknown as Queries;
const query = prototype.query;
prototype.query = function queryOrDie(this: Queries, ...args: unknown[]): unknown {
  const [first] = args;
  const text = typeof first === 'string' ? first : String((first as { text?: string } | undefined)?.text ?? '');
  if (CHANGES.test(text)) {
    seen += 1;
    if (seen === killAt) process.kill(process.pid, 'SIGKILL');
  }
  return query.apply(this, args);
};
