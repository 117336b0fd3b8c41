// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { dropTestDatabase, eventually, startKafkaForTests, testDatabaseUrl, type TestKafka } from '#libs/testing';
import { databaseName, serviceNames, type ServiceName } from '../../deploy/local/processes';
import { BuiltProgram } from '../support/launched-platform';
import { PortDoor } from './port-door';

/** One process of a service, from the built tree, on ports of its own choice. */
export class Replica {
  private leaving = false;
  private wasReady = false;

  constructor(
    readonly service: ServiceName,
    readonly program: BuiltProgram,
  ) {}

  /** Was ready, and was not told to stop: what a Kubernetes Service sends traffic to (/health/serving). */
  get serves(): boolean {
    return !this.leaving && this.program.isRunning && this.wasReady;
  }

  get url(): string {
    return this.listening.baseUrl;
  }

  get grpcAddress(): string {
    return this.listening.grpcAddress;
  }

  async listens(): Promise<void> {
    await this.program.said('"service started"', 200_000);
  }

  /** What /health/ready says: 'ready', or what is missing. */
  async readiness(): Promise<string> {
    const response = await fetch(`${this.url}/health/ready`);
    return response.ok ? 'ready' : JSON.stringify(((await response.json()) as { checks: unknown }).checks);
  }

  async ready(timeoutMs = 200_000): Promise<void> {
    await this.listens();
    await eventually(
      async () => {
        const state = await this.readiness();
        if (state !== 'ready') throw new Error(`${this.service} ${this.program.pid} is not ready: ${state}`);
      },
      { timeoutMs, intervalMs: 200 },
    );
    this.wasReady = true;
  }

  /** Values of one metric by its labels as they are written: `{consumer="a"}`, or '' without labels. */
  async metric(name: string): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const found = new Map<string, number>();
    for (const line of text.split('\n')) {
      const match = /^([a-z0-9_]+)(\{.*\})? (\S+)$/.exec(line);
      if (match?.[1] === `millrace_${this.service.replaceAll('-', '_')}_${name}`) found.set(match[2] ?? '', Number(match[3]));
    }
    return found;
  }

  async isRelayLeader(): Promise<boolean> {
    return (await this.metric('relay_leader_bool')).get('') === 1;
  }

  /** SIGTERM; gives the exit code. */
  async stop(): Promise<number | null> {
    this.leaving = true;
    this.program.kill('SIGTERM');
    return this.program.ended;
  }

  async kill(): Promise<void> {
    this.leaving = true;
    this.program.kill('SIGKILL');
    await this.program.ended;
  }

  private get started(): { baseUrl: string; grpcAddress: string } | undefined {
    const line = this.program.output.split('\n').find((each) => each.includes('"service started"'));
    return line === undefined ? undefined : (JSON.parse(line) as { baseUrl: string; grpcAddress: string });
  }

  private get listening(): { baseUrl: string; grpcAddress: string } {
    const { started } = this;
    if (!started) throw new Error(`${this.service} does not listen yet:\n${this.program.output.slice(-2000)}`);
    return started;
  }
}

/** All services with several replicas each, on one Kafka and one Postgres; a door per service stands for its Kubernetes Service. */
export class Fleet {
  readonly replicas: Replica[] = [];
  readonly databaseUrls: Record<ServiceName, string>;
  private readonly home = mkdtempSync(join(tmpdir(), 'millrace-scale-'));
  private readonly doors = new Map<ServiceName, PortDoor>();
  private readonly connections = new Map<ServiceName, Client>();

  private constructor(
    readonly kafka: TestKafka,
    private readonly env: Record<string, string>,
  ) {
    const run = randomBytes(4).toString('hex');
    this.databaseUrls = Object.fromEntries(
      serviceNames.map((name) => [name, testDatabaseUrl(`scale_${run}_${databaseName(name)}`)]),
    ) as Record<ServiceName, string>;
  }

  /** Kafka without topics, databases that do not exist yet, no process. */
  static async open(env: Record<string, string> = {}): Promise<Fleet> {
    const fleet = new Fleet(await startKafkaForTests({ own: true }), env);
    for (const name of serviceNames) {
      fleet.doors.set(name, await PortDoor.open(() => fleet.of(name).map((replica) => replica.grpcAddress)));
    }
    return fleet;
  }

  /** Replicas of a service that serve. */
  of(service: ServiceName): Replica[] {
    return this.replicas.filter((replica) => replica.service === service && replica.serves);
  }

  /** Starts one more; it may have to wait for its database. */
  startReplica(service: ServiceName, env: Record<string, string> = {}): Replica {
    const program = new BuiltProgram(`services/${service}/src/main.js`, [], {
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      BROKER: 'kafka',
      KAFKA_BROKERS: this.kafka.brokers.join(','),
      DATABASE_URL: this.databaseUrls[service],
      STORAGE_URL: `file://${join(this.home, 'blobs')}`,
      WORK_DIR: join(this.home, service),
      SHUTDOWN_READINESS_SECONDS: '0',
      OUTBOUND_ALLOW_HOSTS: '127.0.0.1',
      ...Object.fromEntries(
        serviceNames.map((name) => [`${name.replaceAll('-', '_').toUpperCase()}_GRPC`, this.doors.get(name)!.address]),
      ),
      ...this.env,
      ...env,
    });
    const replica = new Replica(service, program);
    this.replicas.push(replica);
    return replica;
  }

  /** Runs a command of deploy/scripts with the settings of an operator; gives its output, fails unless it ends with 0. */
  async operate(script: string, args: string[] = []): Promise<string> {
    const urls = serviceNames.map((name) => [`${name.replaceAll('-', '_').toUpperCase()}_DATABASE_URL`, this.databaseUrls[name]]);
    const env = { ...(Object.fromEntries(urls) as Record<string, string>), KAFKA_BROKERS: this.kafka.brokers.join(',') };
    const program = new BuiltProgram(`deploy/scripts/${script}.js`, args, env);
    const code = await program.ended;
    if (code !== 0) throw new Error(`${script} ended with ${code}: ${program.output}`);
    return program.output;
  }

  /** Reads a service's database. */
  async sql<Row extends object>(service: ServiceName, text: string, params: unknown[] = []): Promise<Row[]> {
    let client = this.connections.get(service);
    if (!client) {
      client = new Client({ connectionString: this.databaseUrls[service], application_name: 'scale-spec' });
      await client.connect();
      this.connections.set(service, client);
    }
    return (await client.query<Row>(text, params)).rows;
  }

  async count(service: ServiceName, from: string, params: unknown[] = []): Promise<number> {
    const [row] = await this.sql<{ count: string }>(service, `select count(*) as count from ${from}`, params);
    return Number(row.count);
  }

  async close(): Promise<void> {
    await Promise.all(this.replicas.filter(({ program }) => program.isRunning).map((replica) => replica.kill()));
    await Promise.all([...this.connections.values()].map((client) => client.end()));
    await Promise.all([...this.doors.values()].map((door) => door.close()));
    await Promise.all(Object.values(this.databaseUrls).map((url) => dropTestDatabase(url)));
    await this.kafka.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}
