// SPDX-License-Identifier: Apache-2.0
// npm run bench:gateway [-- --rounds 3 --seconds 3]: CPU per request and requests per second of the gateway (its own process, real
// PostgreSQL, events written) against a bare undici pipe, alternating in one run. Prints JSON; ratios travel, absolutes do not.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { Pool } from 'undici';
import { startEmbeddedPostgres } from '#libs/embedded-postgres';
import { eventLogMigrations, messagingMigrations } from '#libs/messaging';
import { persistenceMigrations, runMigrations } from '#libs/persistence';
import { migrations } from '../src/migrations';

interface Round {
  requestsPerSecond: number;
  cpuMicrosPerRequest: number;
  p50Ms: number;
  p99Ms: number;
  errors: number;
}

interface Target {
  url: string;
  pid: number;
}

const args = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '3' } },
}).values;
const rounds = Number(args.rounds);
const seconds = Number(args.seconds);
const prompt = 'a definition of some length, '.repeat(20);
const children: ChildProcess[] = [];

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bench-gateway-'));
  const postgres = await startEmbeddedPostgres({ directory: join(folder, 'postgres') });
  try {
    for (const [database, own] of [
      ['millrace_gateway', [...persistenceMigrations, ...messagingMigrations, ...migrations]],
      ['millrace_events', eventLogMigrations],
    ] as const) {
      await runMigrations({ databaseUrl: postgres.url(database), service: 'gateway', migrations: own });
    }
    const upstream = await child(join(__dirname, 'mock-model.js'), [], {});
    const pipe = await child(join(__dirname, 'bare-pipe.js'), [upstream.url], {});
    const start = (relay: boolean): Promise<Target> =>
      startGateway({ databaseUrl: postgres.url('millrace_gateway'), backendUrl: upstream.url, folder, relay });
    // The relay reads the outbox in one replica of a service; serving and relaying are measured apart and together.
    const gateway = await start(false);
    const gatewayWithRelay = await start(true);
    const report: Record<string, unknown> = { node: process.versions.node, cores: cpus().length, rounds, seconds };
    report.sequential = await compare({ pipe, gateway, gatewayWithRelay }, { connections: 1, stream: false });
    report.saturated = await compare({ pipe, gateway, gatewayWithRelay }, { connections: 32, stream: false });
    report.streams20Chunks = await compare({ pipe, gateway, gatewayWithRelay }, { connections: 32, stream: true });
    report.events = await countEvents(postgres.url('millrace_gateway'));
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } finally {
    for (const process of children) process.kill('SIGKILL');
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Name = 'pipe' | 'gateway' | 'gatewayWithRelay';

async function compare(targets: Record<Name, Target>, shape: { connections: number; stream: boolean }): Promise<unknown> {
  const names: Name[] = ['pipe', 'gateway', 'gatewayWithRelay'];
  const results: Record<Name, Round[]> = { pipe: [], gateway: [], gatewayWithRelay: [] };
  // Once unmeasured to warm up, then alternating, the order reversed each round.
  for (let round = -1; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const result = await load(targets[name], shape.connections, shape.stream);
      if (round >= 0) results[name].push(result);
    }
  }
  const pipe = median(results.pipe);
  const gateway = median(results.gateway);
  const gatewayWithRelay = median(results.gatewayWithRelay);
  return {
    ...{ pipe, gateway, gatewayWithRelay },
    cpuRatio: round2(gateway.cpuMicrosPerRequest / pipe.cpuMicrosPerRequest),
    requestsRatio: round2(gateway.requestsPerSecond / pipe.requestsPerSecond),
    addedP50Ms: round2(gateway.p50Ms - pipe.p50Ms),
    addedP99Ms: round2(gateway.p99Ms - pipe.p99Ms),
  };
}

async function load(target: Target, connections: number, stream: boolean): Promise<Round> {
  const pool = new Pool(target.url, { connections, pipelining: 1 });
  const body = JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: prompt }], user: 'u', stream });
  const times: number[] = [];
  let errors = 0;
  const cpuBefore = cpuMicros(target.pid);
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      const reply = await pool.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const text = await reply.body.text();
      if (reply.statusCode !== 200 || (stream && !text.endsWith('data: [DONE]\n\n'))) errors += 1;
      times.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  const tookSeconds = (performance.now() - startMs) / 1000;
  const cpu = cpuMicros(target.pid) - cpuBefore;
  await pool.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number => round2(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0);
  return {
    requestsPerSecond: Math.round(times.length / tookSeconds),
    cpuMicrosPerRequest: Math.round(cpu / times.length),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    errors,
  };
}

async function startGateway(options: {
  databaseUrl: string;
  backendUrl: string;
  folder: string;
  relay: boolean;
}): Promise<Target> {
  const { databaseUrl, backendUrl, folder, relay } = options;
  const env = {
    WORK_DIR: join(folder, 'work'),
    DATABASE_URL: databaseUrl,
    RUNTIME_URL: backendUrl,
    STORAGE_URL: `file://${join(folder, 'blobs')}`,
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    RUN_CONSUMERS: String(relay),
    // Nobody answers there: the alias is set below.
    REGISTRY_GRPC: '127.0.0.1:9',
  };
  const gateway = await child(join(__dirname, '../src/main.js'), [], env);
  const created = await fetch(`${gateway.url}/api/v1/endpoints`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', modelUri: 'models:/bench@champion' }),
  });
  if (created.status !== 201 && created.status !== 409) throw new Error(`the endpoint was not created: ${await created.text()}`);
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `insert into deployments (workspace, id, backend_url, model_name, version, manifest_digest, state)
     values ('default', 'bench-v1', $1, 'bench', 1, 'd', 'ready') on conflict do nothing`,
    [backendUrl],
  );
  await client.query(`update endpoints set serving_version = 1, serving_digest = 'd', resolve_due_at = null`);
  await client.query('update routing_state set revision = revision + 1');
  await client.end();
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const models = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: unknown[] };
    if (models.data.length === 1) return gateway;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the endpoint did not come up');
}

// Every answered request has its event: the benchmark must not be fast by dropping them.
async function countEvents(databaseUrl: string): Promise<unknown> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ count: string }>(`select count(*) from outbox where topic = 'gateway.inference.v1'`);
  await client.end();
  return { written: Number(rows[0].count) };
}

function child(file: string, args: string[], env: Record<string, string>): Promise<Target> {
  const { PATH, HOME } = process.env;
  const started = spawn(process.execPath, [file, ...args], { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(started);
  return new Promise((resolve, reject) => {
    let output = '';
    started.once('exit', (code) => reject(new Error(`${file} ended with ${code}: ${output}`)));
    started.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-100_000);
      const port = /^port (\d+)/m.exec(output)?.[1] ?? /"baseUrl":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(output)?.[1];
      if (port) resolve({ url: `http://127.0.0.1:${port}`, pid: started.pid! });
    });
  });
}

// User and system time of a process, from /proc (Linux): clock ticks of 10 ms.
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function median(results: Round[]): Round {
  const middle = (pick: (round: Round) => number): number => results.map(pick).sort((a, b) => a - b)[results.length >> 1];
  return {
    requestsPerSecond: middle((round) => round.requestsPerSecond),
    cpuMicrosPerRequest: middle((round) => round.cpuMicrosPerRequest),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    errors: results.reduce((sum, round) => sum + round.errors, 0),
  };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
