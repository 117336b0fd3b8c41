// SPDX-License-Identifier: Apache-2.0
// npm run proto:gen: TypeScript from proto/ (buf + ts-proto, both from npm), then one namespace file per package.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const contracts = 'libs/contracts/src';
const generated = join(contracts, 'gen', 'millrace');
rmSync(join(contracts, 'gen'), { recursive: true, force: true });
execFileSync('node_modules/.bin/buf', ['generate', 'proto', '--template', 'proto/buf.gen.yaml'], { stdio: 'inherit' });

for (const service of readdirSync(generated).sort()) {
  const files = readdirSync(join(generated, service, 'v1')).sort();
  const exports = files.map((file) => `export * from './gen/millrace/${service}/v1/${file.replace(/\.ts$/, '')}';`);
  writeFileSync(join(contracts, `${service}.ts`), ['// SPDX-License-Identifier: Apache-2.0', ...exports, ''].join('\n'));
}
