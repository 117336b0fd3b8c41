// SPDX-License-Identifier: Apache-2.0
// Writes docs/openapi/<service>.json out of the routes. Runs from dist/. With --check it writes nothing and fails when a file differs.
import 'reflect-metadata';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceDocument, serviceNames } from './service-documents';

const folder = join(__dirname, '..', '..', '..', 'docs', 'openapi');

async function main(): Promise<void> {
  const check = process.argv.includes('--check');
  const stale: string[] = [];
  for (const service of serviceNames()) {
    const content = `${JSON.stringify(await serviceDocument(service), null, 1)}\n`;
    const file = join(folder, `${service}.json`);
    if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
    stale.push(`docs/openapi/${service}.json`);
    if (check) continue;
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, content);
  }
  if (stale.length > 0) process.stdout.write(`${check ? 'out of date' : 'written'}: ${stale.join(', ')}\n`);
  if (check && stale.length > 0) {
    process.stderr.write('run npm run docs:gen and commit the result\n');
    process.exitCode = 1;
  }
}

void main();
