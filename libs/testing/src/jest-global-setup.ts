// SPDX-License-Identifier: Apache-2.0
// Runs once per jest run, before any worker. Relative imports only: jest maps no module names here.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../embedded-postgres/src';

export interface TestServer {
  postgres: EmbeddedPostgres;
  directory: string;
}

/** Where setup leaves the server for teardown; both run in jest's parent process. */
export const shared = globalThis as { millraceTestServer?: TestServer };

/** One Postgres server for all spec files of the run; MILLRACE_TEST_DATABASE_URL names another one to use instead. */
export default async function globalSetup(): Promise<void> {
  // The variable is the only channel from jest's parent to its workers; specs read it through libs/config.
  const environment = process.env;
  if (environment['MILLRACE_TEST_DATABASE_URL'] !== undefined) return;
  const directory = mkdtempSync(join(tmpdir(), 'millrace-test-postgres-'));
  chmodSync(directory, 0o755); // as root, the server runs as another user
  try {
    const postgres = await startEmbeddedPostgres({ directory, fsync: false, connectionsMax: 300, startTimeoutMs: 60_000 });
    shared.millraceTestServer = { postgres, directory };
    environment['MILLRACE_TEST_DATABASE_URL'] = postgres.url();
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}
