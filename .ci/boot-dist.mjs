// SPDX-License-Identifier: Apache-2.0
// Boots the built tree process by process, alone, with environment variables only: a build can compile and pass its tests and
// still fail at run time. Postgres and event log come from an `npm start` of the other processes in the same home.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const home = mkdtempSync(join(tmpdir(), 'millrace-boot-'));
const base = 27000;
const services = { gateway: 0, ingestion: 1, 'data-prep': 2, training: 3, registry: 4, monitoring: 5, runtime: 20 };
let failures = 0;

function start(file, args, env) {
  const child = spawn(process.execPath, [file, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (child.output += chunk));
  child.ended = new Promise((resolve) => child.once('close', resolve));
  return child;
}

async function until(check, seconds, what) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await delay(100)) if (await check()) return;
  throw new Error(`not within ${seconds} s: ${what()}`);
}

const ready = async (port) => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    return false; // not listening yet
  }
};

const startedAt = Date.now();
const platform = start('dist/deploy/local/main.js', ['--home', home, '--port-base', String(base)], {});
try {
  await until(
    () => platform.output.includes('Ready in'),
    60,
    () => platform.output,
  );
  process.stdout.write(
    `npm start: ${platform.output.match(/Ready in [\d.]+ s/)[0]} (${((Date.now() - startedAt) / 1000).toFixed(1)} s with the process)\n`,
  );
  const state = JSON.parse(readFileSync(join(home, 'state.json'), 'utf8'));
  for (const [name, offset] of Object.entries(services)) {
    const port = base + 500 + offset;
    const child = start(`dist/services/${name}/src/main.js`, [], {
      HTTP_PORT: String(port),
      GRPC_PORT: String(port + 100),
      STORAGE_URL: `file://${join(home, 'blobs')}`,
      WORK_DIR: join(home, 'work', `${name}-alone`),
      SHUTDOWN_READINESS_SECONDS: '0',
      ...(name === 'runtime' ? {} : { DATABASE_URL: state.databaseUrls[name], EVENT_LOG_URL: state.databaseUrls.events }),
    });
    await until(
      () => ready(port),
      30,
      () => child.output.slice(-2000),
    );
    child.kill('SIGTERM');
    const code = await child.ended;
    process.stdout.write(`${name}: ready alone, stopped with ${code}\n`);
    if (code !== 0) failures += 1;
  }
} catch (error) {
  failures += 1;
  process.stderr.write(`${error.message}\n`);
} finally {
  platform.kill('SIGINT');
  const code = await platform.ended;
  process.stdout.write(`npm start stopped with ${code}\n`);
  if (code !== 0) failures += 1;
  rmSync(home, { recursive: true, force: true });
}
process.exit(failures === 0 ? 0 : 1);
