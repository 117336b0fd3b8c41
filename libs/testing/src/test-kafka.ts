// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testSettings } from '#libs/config';
import { projectRoot } from './project-root';

/** A real Kafka broker for one spec file. */
export interface TestKafka {
  /** Bootstrap servers. */
  brokers: string[];
  /** Kills it (or stops it in order) and starts it again on the same data and port; only on a broker of our own. */
  restart(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Ends a broker of our own; leaves a shared one alone. */
  stop(): Promise<void>;
}

/**
 * The Kafka that MILLRACE_TEST_KAFKA_BROKERS names, or one of our own from Maven's jars (about 4 s once they are downloaded).
 * `own` insists on one that may be killed.
 */
export async function startKafkaForTests(options: { own?: boolean } = {}): Promise<TestKafka> {
  const shared = testSettings().millraceTestKafkaBrokers;
  if (!options.own && shared.length > 0) {
    const refuse = (): Promise<never> => Promise.reject(new Error('a shared broker is not ours to restart'));
    return { brokers: shared, restart: refuse, stop: async () => undefined };
  }
  const dir = await mkdtemp(join(tmpdir(), 'millrace-test-kafka-'));
  const runner = new KafkaRunner(dir);
  try {
    return {
      brokers: [await runner.start()],
      restart: async (signal = 'SIGKILL') => {
        await runner.end(signal);
        await runner.start();
      },
      stop: async () => {
        await runner.end('SIGKILL');
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/** Runs deploy/kafka/kafka-dev.mjs in the foreground with a guard pipe: the broker ends when this process does. */
class KafkaRunner {
  private child?: ChildProcess;

  constructor(private readonly dir: string) {}

  /** Resolves with host:port. */
  start(): Promise<string> {
    const script = join(projectRoot(), 'deploy/kafka/kafka-dev.mjs');
    const child = spawn(process.execPath, [script, 'start', '--dir', this.dir, '--fg', '--guard'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    return new Promise((resolve, reject) => {
      let complaints = '';
      child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
      child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      child.once('close', (code) => reject(new Error(`Kafka ended with ${code}: ${complaints}`)));
    });
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (!child) return;
    this.child = undefined;
    const closed = new Promise((resolve) => child.once('close', resolve));
    if (signal === 'SIGKILL') process.kill(await brokerPid(this.dir), 'SIGKILL');
    else child.kill('SIGTERM');
    await closed;
  }
}

async function brokerPid(dir: string): Promise<number> {
  return (JSON.parse(await readFile(join(dir, 'kafka.json'), 'utf8')) as { pid: number }).pid;
}
