// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import type { LabPostgres } from './lab-postgres';

/** A copy of a server's data folder. */
export interface ColdBackup {
  folder: string;
  /** When it was taken. */
  takenAt: Date;
}

/**
 * Copies the data of a server that is stopped for it. The lab's server writes `wal_level = minimal`, which allows no backup while
 * it runs, and Debian's pg_dump is older than the server; what follows after a restore is the same with either.
 */
export async function takeColdBackup(postgres: LabPostgres, folder: string): Promise<ColdBackup> {
  const takenAt = new Date();
  await postgres.stop('fast');
  copy(postgres.dataDirectory, folder);
  await postgres.start();
  return { folder, takenAt };
}

/** Puts the backup in place of the data of a server that is stopped. */
export function restoreColdBackup(postgres: LabPostgres, { folder }: ColdBackup): void {
  const data = postgres.dataDirectory;
  renameSync(data, `${data}.lost`);
  copy(folder, data);
  rmSync(`${data}.lost`, { recursive: true, force: true });
}

/** With owners and modes: as root, Postgres runs as another user. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to], { stdio: 'pipe' });
}
