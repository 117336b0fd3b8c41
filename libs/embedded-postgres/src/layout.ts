// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SYSTEM_DIRECTORY } from './binaries';
import { canReach, postgresIdentity } from './run-as';

/** Where the parts of one server lie. Only `data` belongs to the server's user. */
export interface Layout {
  root: string;
  data: string;
  log: string;
  secret: string;
  port: string;
}

/**
 * Makes the folders. As root, a folder that the unprivileged user cannot reach (below a 0700 home) is replaced by one
 * under the system directory, named by a hash of the wanted path, so that the next start finds the same data.
 */
export function prepareLayout(directory: string, systemDirectory = SYSTEM_DIRECTORY): Layout {
  const wanted = resolve(directory);
  mkdirSync(wanted, { recursive: true });
  const as = postgresIdentity();
  const root = as.uid === undefined || canReach(wanted, as) ? wanted : substitute(wanted, systemDirectory);
  const layout = {
    root,
    data: join(root, 'data'),
    log: join(root, 'postgres.log'),
    secret: join(root, 'password'),
    port: join(root, 'port'),
  };
  if (!existsSync(layout.data)) {
    mkdirSync(layout.data, { mode: 0o700 });
    if (as.uid !== undefined) chownSync(layout.data, as.uid, as.gid ?? as.uid);
  }
  return layout;
}

function substitute(wanted: string, systemDirectory: string): string {
  const name = `data-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`;
  const root = join(systemDirectory, name);
  mkdirSync(root, { recursive: true, mode: 0o755 });
  for (const folder of [dirname(root), root]) chmodSync(folder, 0o755);
  return root;
}

/** Folder of the server's own files (PGDATA), wherever it was put: what a backup of a stopped server copies. */
export function embeddedPostgresData(directory: string): string {
  return prepareLayout(directory).data;
}

/** The port of the last start, so that addresses stay the same over restarts. */
export function rememberedPort(layout: Layout): number | undefined {
  if (!existsSync(layout.port)) return undefined;
  const port = Number(readFileSync(layout.port, 'utf8'));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

export function rememberPort(layout: Layout, port: number): void {
  writeFileSync(layout.port, `${port}\n`);
}

/** Removes a stopped server's data, wherever it was put. Does nothing when there is none. */
export function removeEmbeddedPostgres(directory: string, systemDirectory = SYSTEM_DIRECTORY): void {
  const wanted = resolve(directory);
  const name = `data-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`;
  for (const folder of [wanted, join(systemDirectory, name)]) rmSync(folder, { recursive: true, force: true });
}
