// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runCli, UsageError } from './cli';
import { toPascal } from './names';
import { asService } from './service-databases';

const usage = `npm run db:new -- <service> <name>
Writes an empty migration, such as create-models, numbered by the time, and lists it in the service's migrations/index.ts.`;

/** The text of a new migration; TypeORM orders by the 13 digits at the end of the class name. */
export function migrationText(className: string): string {
  return `// SPDX-License-Identifier: Apache-2.0
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Say what changes and why; one change per file. For a concurrent index add: readonly transaction = false; */
export class ${className} implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(\`
      -- every table: workspace text not null, first in its primary key
    \`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('');
  }
}
`;
}

/** Adds a migration to the text of migrations/index.ts (empty text: a new file). */
export function listMigration(index: string, className: string, file: string): string {
  const importLine = `import { ${className} } from './${file}';`;
  if (index === '') {
    return `// SPDX-License-Identifier: Apache-2.0\n${importLine}\n\n/** In the order of their time. */\nexport const migrations = [${className}];\n`;
  }
  const list = /(export const migrations(?::[^=]+)? = \[)([\s\S]*?)(,?\s*\]);/.exec(index);
  if (!list) throw new UsageError('migrations/index.ts has no "export const migrations = [...]"');
  const names = [...(list[2] ?? '').split(',').map((name) => name.trim()), className].filter((name) => name !== '');
  const lastImport = [...index.matchAll(/^import .*;$/gm)].at(-1);
  const end = lastImport ? lastImport.index + lastImport[0].length : index.indexOf('\n');
  const listed = index.replace(list[0], `${list[1]}${names.join(', ')}];`);
  return `${listed.slice(0, end)}\n${importLine}${listed.slice(end)}`;
}

async function create(argv: string[]): Promise<void> {
  const [serviceName, name] = argv;
  if (serviceName === undefined || name === undefined) throw new UsageError('Give a service and a name.');
  const service = asService(serviceName);
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new UsageError(`${JSON.stringify(name)}: use kebab-case, such as create-models`);
  const time = Date.now();
  const className = `${toPascal(name)}${time}`;
  const folder = join('services', service, 'src', 'migrations');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${time}-${name}.ts`), migrationText(className), { flag: 'wx' });
  const index = join(folder, 'index.ts');
  writeFileSync(index, listMigration(existsSync(index) ? readFileSync(index, 'utf8') : '', className, `${time}-${name}`));
  process.stdout.write(`${join(folder, `${time}-${name}.ts`)}\n`);
}

if (process.argv[1] === __filename) void runCli(usage, create);
