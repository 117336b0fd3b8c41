// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz:http [-- --service registry,gateway --examples 20 --seed 7 --auth on|off|both --phases P --short]`: boots the built platform on a
// home of its own and lets schemathesis try every route of /openapi.json, then judges the logs. Exit code 0 only if nothing is found.
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { nameKnownThings } from './known-parameters.mjs';

const built = createRequire(import.meta.url);
const { plantEntities } = built('../../../dist/tests/hostile/support/plant-entities.js');
const { faultsOfPlatform } = built('../../../dist/tests/hostile/support/judge-logs.js');
const { sendSecrets } = built('../../../dist/tests/hostile/support/send-secrets.js');
const { SECRET_SETTINGS } = built('../../../dist/tests/support/platform-secrets.js');
const offsets = { gateway: 0, ingestion: 1, 'data-prep': 2, training: 3, registry: 4, monitoring: 5, runtime: 20 };
const { values } = parseArgs({
  options: {
    service: { type: 'string', default: Object.keys(offsets).join(',') },
    short: { type: 'boolean', default: process.env.CI !== undefined && !['', 'false', '0'].includes(process.env.CI) },
    examples: { type: 'string' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    auth: { type: 'string' },
    phases: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
// The short form is for CI: what the document says is tried systematically, with identity on. The long form adds random requests.
const examples = values.examples ?? (values.short ? '3' : '10');
const phases = values.phases ?? (values.short ? 'coverage' : 'coverage,fuzzing,stateful');
const auths = { both: ['off', 'on'], off: ['off'], on: ['on'] }[values.auth ?? (values.short ? 'on' : 'both')];
if (!auths) throw new Error('--auth is on, off or both');
/** Operations of a service that may stay untried because schemathesis fails at them; they are printed. */
const UNTRIED_MAX = 3;
const FAULTS_SHOWN = 30;
const cache = process.env.MILLRACE_CI_CACHE ?? join(homedir(), '.cache', 'millrace-ci');
const schemathesis = process.env.SCHEMATHESIS ?? join(cache, 'venv-schemathesis', 'bin', 'schemathesis');
if (!existsSync(schemathesis)) {
  process.stderr.write(
    `schemathesis is missing: python3 -m venv ${join(cache, 'venv-schemathesis')} && .../pip install -r .ci/requirements-schemathesis.txt\n`,
  );
  process.exit(2);
}
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'unsupported_method',
];
const folder = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'));
const failures = [];

// What the header names is another platform's data: the isolation test has it. Here every call is about one workspace.
// A list beyond its bound may be so long that the body is too large (413).
const config = `[parameters]
"header.x-millrace-workspace" = "default"
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
`;

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function freeBase() {
  for (;;) {
    const base = randomInt(200, 640) * 50;
    const wanted = Object.values(offsets).flatMap((offset) => [base + offset, base + offset + 100]);
    if ((await Promise.all([...wanted, base + 32].map(isFree))).every(Boolean)) return base;
  }
}

async function withPlatform(auth, work) {
  const home = join(folder, `home-${auth}`);
  const base = await freeBase();
  const args = ['dist/deploy/local/main.js', '--home', home, '--port-base', String(base)];
  const platform = spawn(process.execPath, args, {
    env: { ...process.env, ...SECRET_SETTINGS, MILLRACE_AUTH: auth, LOG_LEVEL: 'debug' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [platform.stdout, platform.stderr])
    stream.on('data', (chunk) => (output = (output + chunk).slice(-200_000)));
  const ended = new Promise((resolve) => platform.once('close', resolve));
  try {
    for (const end = Date.now() + 180_000; !output.includes('Ready in'); await delay(100)) {
      if (Date.now() > end || platform.exitCode !== null) throw new Error(`the platform does not start: ${output.slice(-3000)}`);
    }
    await work(base, home);
    if (platform.exitCode !== null) throw new Error(`the platform ended by itself: ${output.slice(-3000)}`);
  } finally {
    platform.kill('SIGINT');
    await ended;
  }
  return { home, output };
}

// After the platform has stopped: what it still did in the background, and the stop itself, count as well.
function judgeLogs(auth, platform, used) {
  const faults = faultsOfPlatform(platform, { used });
  process.stdout.write(`logs auth=${auth}: ${faults.length === 0 ? 'nothing found' : 'FAILED'}\n`);
  for (const fault of faults.slice(0, FAULTS_SHOWN)) process.stdout.write(`  ${fault}\n`);
  if (faults.length > 0) failures.push(`logs auth=${auth}`);
}

function tokenOf(home) {
  const made = spawnSync(
    process.execPath,
    ['dist/deploy/scripts/token.js', '--subject', 'fuzz@example.org', '--role', 'admin', '--home', home],
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`no token: ${made.stderr}`);
  return made.stdout.trim().split('\n').at(-1).trim();
}

// With identity off nobody is refused for lack of a token: the document under test says so then.
async function documentFile({ service, url, auth, token, planted }) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const document = await (await fetch(`${url}/openapi.json`)).json();
  if (auth === 'off') {
    delete document.components.securitySchemes;
    for (const operations of Object.values(document.paths))
      for (const operation of Object.values(operations)) delete operation.security;
  }
  // The second prefix of the MLflow routes has the same handlers.
  for (const path of Object.keys(document.paths)) if (path.startsWith('/ajax-api/')) delete document.paths[path];
  const named = await nameKnownThings(document, url, headers, { '/api/v1/dataset-versions': [{ version: planted[0].id }] });
  const file = join(folder, `${service}-${auth}.json`);
  writeFileSync(file, JSON.stringify(document));
  return { file, named, operations: Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length };
}

// One worker each: Python's parser, which writes the fuzzer's messages, fails now and then when two threads use it.
function run(document, url, token, seed) {
  const args = ['--config-file', join(folder, 'schemathesis.toml'), 'run', document, '--url', url, '--no-color'];
  args.push('--seed', seed, '--phases', phases, '-n', examples, '--workers', '1');
  args.push('--request-timeout', '30', '--max-redirects', '0', '--suppress-health-check', 'all', '--warnings', 'off');
  args.push('--checks', [...checks, ...(token ? ['ignored_auth'] : [])].join(','));
  args.push('--generation-database', 'none', '--continue-on-failure');
  if (token) args.push('-H', `Authorization: Bearer ${token}`);
  return new Promise((resolve, reject) => {
    const child = spawn(schemathesis, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });
}

// Operations that schemathesis could not try because it failed itself, or none when anything else (or nothing at all) went wrong.
// A network error is no such thing: a request without an answer is a finding.
function faultsOfFuzzer({ code, text }) {
  const kinds = [...(/^Errors:\n((?: +.*\n)+)/m.exec(text)?.[1].matchAll(/🚫 (.+): \d+/g) ?? [])].map((match) => match[1]);
  if (code === 0 || /^Failures:$/m.test(text) || kinds.length === 0 || kinds.some((kind) => kind !== 'Runtime Error')) return [];
  const section = /^=+ ERRORS =+\n([^]*?)^=+ \w+ =+$/m.exec(text)?.[1] ?? '';
  const named = [...section.matchAll(/^_+ ([A-Z]+) (\S+) _+\n([^]*?)(?=^_+ [A-Z]+ \S+ _+$|$(?![^]))/gm)];
  return named.map(([, method, path, detail]) => ({
    method,
    path,
    why: /^\s*(\w+(?:Error|Exception)\b.*)$/m.exec(detail)?.[1] ?? detail.trim().split('\n')[2] ?? '',
  }));
}

function onlyOperations(file, wanted) {
  const document = JSON.parse(readFileSync(file, 'utf8'));
  for (const [path, operations] of Object.entries(document.paths))
    for (const method of Object.keys(operations))
      if (!wanted.some((one) => one.path === path && one.method.toLowerCase() === method)) delete operations[method];
  const chosen = file.replace(/\.json$/, '-again.json');
  writeFileSync(chosen, JSON.stringify(document));
  return chosen;
}

async function fuzz(target) {
  const { service, url, auth, token } = target;
  const started = Date.now();
  const { file: document, named, operations } = await documentFile(target);
  const first = await run(document, url, token, values.seed);
  const results = [first];
  let untried = faultsOfFuzzer(first);
  if (untried.length > 0) {
    const seed = String(Number(values.seed) + 1);
    const again = await run(onlyOperations(document, untried), url, token, seed);
    results.push(again);
    untried = faultsOfFuzzer(again);
  }
  const bad = results.filter((result) => result.code !== 0 && faultsOfFuzzer(result).length === 0);
  const cases = /(\d+) generated/.exec(first.text)?.[1] ?? /(\d+) test cases?/.exec(first.text)?.[1] ?? '?';
  const toSecrets = await sendSecrets(JSON.parse(readFileSync(document, 'utf8')), url, token);
  const passed = bad.length === 0 && untried.length <= UNTRIED_MAX && toSecrets.length === 0;
  const seconds = Math.round((Date.now() - started) / 1000);
  const found = passed ? 'nothing found' : 'FAILED';
  process.stdout.write(
    `${service} auth=${auth} seed=${values.seed}: ${found}, ${operations} operations (${named} parameters with known values), ` +
      `${cases} requests, ${seconds} s\n`,
  );
  for (const { method, path, why } of untried)
    process.stdout.write(`  not tried: ${method} ${path}: schemathesis itself failed: ${why.slice(0, 200)}\n`);
  for (const fault of toSecrets) process.stdout.write(`  ${fault}\n`);
  for (const { text } of values.verbose ? results : passed ? [] : bad) process.stdout.write(`${text}\n`);
  if (!passed) failures.push(`${service} auth=${auth}`);
}

try {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'schemathesis.toml'), config);
  for (const auth of auths) {
    const used = {};
    const platform = await withPlatform(auth, async (base, home) => {
      const token = auth === 'on' ? (used.token = tokenOf(home)) : undefined;
      const urlOf = (service) => `http://127.0.0.1:${base + offsets[service]}`;
      const planted = await plantEntities({ http: urlOf }, { token });
      const waiting = values.service.split(',');
      const next = async () => {
        for (let service = waiting.shift(); service; service = waiting.shift())
          await fuzz({ service, url: urlOf(service), auth, token, planted });
      };
      await Promise.all([next(), next()]);
    });
    judgeLogs(auth, platform, used);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(
  failures.length === 0 ? 'fuzz:http found nothing\n' : `fuzz:http found something in: ${failures.join(', ')}\n`,
);
process.exit(failures.length === 0 ? 0 : 1);
