// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '#libs/testing';

export interface LabKafkaOptions {
  /** Default: a folder of the lab. */
  dataDir?: string;
  /** Server properties over the defaults of kafka-dev.mjs. */
  config?: Record<string, string | number | boolean>;
  /** One more listener on this loopback port, whose clients are told to come to `advertised` (host:port): a proxy in front of it. */
  behind?: { port: number; advertised: string };
}

/** A real broker on a port that it keeps, ended with this process whatever happens. */
export class LabKafka {
  brokers: string[] = [];
  private child?: ChildProcess;

  private constructor(
    readonly dataDir: string,
    private readonly options: Pick<LabKafkaOptions, 'config' | 'behind'>,
  ) {}

  static async start(dataDir: string, options: Pick<LabKafkaOptions, 'config' | 'behind'> = {}): Promise<LabKafka> {
    const kafka = new LabKafka(dataDir, options);
    await kafka.start();
    return kafka;
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Process id of the broker itself (the Java process). */
  pid(): number {
    return (JSON.parse(readFileSync(join(this.dataDir, 'kafka.json'), 'utf8')) as { pid: number }).pid;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid(), signal);
  }

  /** Starts it on its data and port; resolves once it serves. Does nothing when it runs. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    const script = join(projectRoot(), 'deploy/kafka/kafka-dev.mjs');
    const { config = {}, behind } = this.options;
    const settings = Object.entries(config).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    if (behind) settings.push('--behind', `${behind.port}=${behind.advertised}`);
    const child = spawn(process.execPath, [script, 'start', '--dir', this.dataDir, '--fg', '--guard', ...settings], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    const address = await new Promise<string>((resolve, reject) => {
      let complaints = '';
      child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
      child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
      child.once('close', (code) => reject(new Error(`Kafka ended with ${code}: ${complaints}`)));
    });
    this.brokers = [address];
  }

  /** SIGKILL; the data stays. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || !this.isRunning) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    process.kill(this.pid(), 'SIGKILL');
    await closed;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }
}
