// SPDX-License-Identifier: Apache-2.0
// One real Kafka broker (KRaft, one node) without containers, for development, tests and fault tests. Needs a JDK 17+ and Maven.
//   node deploy/kafka/kafka-dev.mjs start [--dir D] [--port N] [--set name=value]... [--behind PORT=HOST:PORT] [--fg [--guard]]   prints host:port once it serves; data stays in D
//   node deploy/kafka/kafka-dev.mjs stop  [--dir D] [--rm]
//   node deploy/kafka/kafka-dev.mjs classpath                                     downloads the jars if need be and prints their paths
// --behind 9093=10.0.0.2:9092: one more listener, on loopback port 9093, that tells its clients to come to 10.0.0.2:9092 (a proxy).
// --guard (with --fg): stop when standard input ends, so that the broker never outlives who started it, not even after SIGKILL.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const cache = process.env.KAFKA_DEV_CACHE ?? path.resolve(here, '../../.cache/kafka-dev');
const CLUSTER_ID = 'bWlsbHJhY2Uta2Fma2EtZA'; // any 16 bytes in base64url
const HOST = '127.0.0.1';
const JVM = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
];
const STARTED = 'Kafka Server started';

/** Settings of a small single node: no automatic topics, short sessions allowed, quick rebalances. */
function serverProperties({ port, controllerPort, dir, settings: own = {}, behind }) {
  const [behindPort, behindAddress] = behind?.split('=') ?? [];
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${HOST}:${port},CONTROLLER://${HOST}:${controllerPort}${behind ? `,BEHIND://${HOST}:${behindPort}` : ''}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${port}${behind ? `,BEHIND://${behindAddress}` : ''}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BEHIND:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': path.join(dir, 'log'),
    'num.partitions': 1,
    'auto.create.topics.enable': false,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'broker.session.timeout.ms': 1500,
    'broker.heartbeat.interval.ms': 300,
    'num.network.threads': 2,
    'num.io.threads': 2,
    'num.recovery.threads.per.data.dir': 1,
    'background.threads': 2,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 8388608,
    'log.segment.delete.delay.ms': 1000,
    ...own,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    // A zombie still answers signal 0.
    return process.platform !== 'linux' || !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** The class path of the broker; downloads its jars (43 MB) once, into Maven's own repository. */
export function classpath() {
  const pom = path.join(here, 'pom.xml');
  const digest = createHash('sha256').update(fs.readFileSync(pom)).digest('hex').slice(0, 12);
  const file = path.join(cache, `classpath-${digest}.txt`);
  const known = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '';
  if (known !== '' && known.split(':').every((jar) => fs.existsSync(jar))) return known;
  fs.mkdirSync(cache, { recursive: true });
  const draft = `${file}.${process.pid}`;
  const goal = [
    '-B',
    '-ntp',
    '-q',
    '-f',
    pom,
    'dependency:build-classpath',
    '-DincludeScope=runtime',
    `-Dmdep.outputFile=${draft}`,
  ];
  const mvn = (...first) => execFileSync('mvn', [...first, ...goal], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    mvn('-o'); // what is downloaded already needs no network
  } catch {
    mvn();
  }
  fs.renameSync(draft, file);
  return fs.readFileSync(file, 'utf8').trim();
}

function readState(dir) {
  const file = path.join(dir, 'kafka.json');
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
}

/** Starts the broker on `dir` (made when missing) and resolves once it serves. Port and data survive restarts. */
export async function startKafka({ dir: wanted, port: wantedPort, settings = {}, behind, timeoutMs = 60_000 }) {
  const dir = path.resolve(wanted);
  if (/\s/.test(dir)) throw new Error(`Kafka's data folder must not contain white space: ${dir}`);
  fs.mkdirSync(dir, { recursive: true });
  const last = readState(dir);
  if (last.pid && isAlive(last.pid)) throw new Error(`Kafka already runs on ${dir}, process ${last.pid}`);
  const port = wantedPort ?? last.port ?? (await freePort());
  const controllerPort = last.controllerPort ?? (await freePort());
  const properties = path.join(dir, 'server.properties');
  fs.writeFileSync(properties, serverProperties({ port, controllerPort, dir, settings, behind }));
  const java = process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, 'bin/java') : 'java';
  const jars = classpath();
  if (!fs.existsSync(path.join(dir, 'log/meta.properties'))) {
    const format = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
    execFileSync(java, [...JVM, '-cp', jars, ...format], { stdio: 'pipe' });
  }
  const logFile = path.join(dir, 'broker.log');
  const log = fs.openSync(logFile, 'w');
  // A process group of its own: a terminal's Ctrl-C reaches us, and we stop it in order.
  const child = spawn(java, [...JVM, '-cp', jars, 'kafka.Kafka', properties], { stdio: ['ignore', log, log], detached: true });
  fs.closeSync(log);
  fs.writeFileSync(path.join(dir, 'kafka.json'), JSON.stringify({ pid: child.pid, port, controllerPort }));
  await waitUntilStarted({ child, logFile, timeoutMs });
  return { pid: child.pid, child, port, broker: `${HOST}:${port}`, dir, stop: (options) => stopKafka({ dir, ...options }) };
}

async function waitUntilStarted({ child, logFile, timeoutMs }) {
  const end = Date.now() + timeoutMs;
  while (!fs.readFileSync(logFile, 'utf8').includes(STARTED)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > end) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      throw new Error(`Kafka did not start:\n${fs.readFileSync(logFile, 'utf8').slice(-2000)}`);
    }
    await delay(20);
  }
}

/** Stops the broker on `dir` (SIGTERM, after `graceMs` SIGKILL); with `rm` its data goes as well. */
export async function stopKafka({ dir, signal = 'SIGTERM', rm = false, graceMs = 15_000 }) {
  const { pid } = readState(dir);
  if (pid && isAlive(pid)) {
    process.kill(pid, signal);
    for (const end = Date.now() + graceMs; isAlive(pid) && Date.now() < end;) await delay(20);
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    while (isAlive(pid)) await delay(20);
  }
  if (rm) fs.rmSync(dir, { recursive: true, force: true });
}

async function main() {
  const flag = (name) => process.argv.includes(`--${name}`);
  const option = (name) => (flag(name) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : undefined);
  const dir = option('dir') ?? path.join(cache, 'data');
  const command = process.argv[2];
  if (command === 'stop') return stopKafka({ dir, rm: flag('rm') });
  if (command === 'classpath') {
    process.stdout.write(`${classpath()}\n`);
    return;
  }
  if (command !== 'start') {
    process.stderr.write(
      'usage: kafka-dev.mjs start|stop|classpath [--dir D] [--port N] [--set name=value]... [--behind PORT=HOST:PORT] [--fg [--guard]] [--rm]\n',
    );
    process.exitCode = 2;
    return;
  }
  const settings = Object.fromEntries(
    process.argv.flatMap((word, at) => (word === '--set' ? [(process.argv[at + 1] ?? '').split(/=(.*)/s, 2)] : [])),
  );
  const behind = option('behind');
  const kafka = await startKafka({
    dir,
    settings,
    behind,
    port: option('port') === undefined ? undefined : Number(option('port')),
  });
  process.stdout.write(`${kafka.broker}\n`);
  if (!flag('fg')) {
    kafka.child.unref();
    return;
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => kafka.stop());
  if (flag('guard')) process.stdin.resume().once('end', () => kafka.stop());
  kafka.child.once('exit', (code) => process.exit(code === 143 ? 0 : (code ?? 1)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}
