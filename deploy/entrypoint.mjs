// SPDX-License-Identifier: Apache-2.0
// The one program of the image: node deploy/entrypoint.mjs <service|command> [arguments]. A service is run in this very process,
// so that signals reach it.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const services = readdirSync(join(root, 'dist/services')).filter((name) => existsSync(join(root, mainOf(name))));
const commands = {
  migrate: 'dist/deploy/scripts/db-migrate.js',
  topics: 'dist/deploy/scripts/topics-apply.js',
  dlq: 'dist/deploy/scripts/dlq.js',
  consumers: 'dist/deploy/scripts/consumers.js',
  outbox: 'dist/deploy/scripts/outbox.js',
  token: 'dist/deploy/scripts/token.js',
};

const [, , name = '', ...rest] = process.argv;
if (name === 'health') await health();
else if (services.includes(name)) await run(mainOf(name), []);
else if (name in commands) await run(commands[name], rest);
else {
  const known = `services: ${services.join(', ')}; commands: ${Object.keys(commands).join(', ')}, health`;
  process.stderr.write(`${name === '' ? 'nothing to run' : `${JSON.stringify(name)} is unknown`}. ${known}\n`);
  process.exitCode = 64;
}

function mainOf(service) {
  return `dist/services/${service}/src/main.js`;
}

async function run(file, args) {
  const path = join(root, file);
  process.argv.splice(1, process.argv.length, path, ...args);
  await import(pathToFileURL(path).href);
}

/** For HEALTHCHECK: 0 when the service of this container is live. Its port is HTTP_PORT, else the one that services take by default. */
async function health() {
  const service = readFileSync('/proc/1/cmdline', 'utf8')
    .split('\0')
    .findLast((word) => services.includes(word));
  const { defaultPorts } = (await import(pathToFileURL(join(root, 'dist/libs/config/src/index.js')).href)).default;
  const port = process.env.HTTP_PORT ?? defaultPorts[service]?.http;
  try {
    const { ok } = await fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(3000) });
    process.exitCode = ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${service} on port ${port}: ${error.message}\n`);
    process.exitCode = 1;
  }
}
