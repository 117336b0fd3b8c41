// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messagingMigrations } from '#libs/messaging';
import { persistenceMigrations, type MigrationClass } from '#libs/persistence';

/** Every migration of a service: the libs' tables first by date, then its own. Read from the compiled tree. */
export function serviceMigrations(service: string): MigrationClass[] {
  const file = join(__dirname, '..', '..', 'services', service, 'src', 'migrations', 'index');
  if (!existsSync(`${file}.js`) && !existsSync(`${file}.ts`))
    throw new Error(`service ${service} has no migrations: ${file} is missing`);
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the list of services is data, not code
  const own = (require(file) as { migrations: MigrationClass[] }).migrations;
  return [...persistenceMigrations, ...messagingMigrations, ...own];
}
