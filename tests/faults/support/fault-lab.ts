// SPDX-License-Identifier: Apache-2.0
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeEmbeddedPostgres } from '#libs/embedded-postgres';
import { prepareDatabases } from '../../../deploy/local/databases';
import { Home } from '../../../deploy/local/home';
import { applyTopics } from '../../../deploy/local/kafka-topics';
import { serviceNames, type ProcessName, type ServiceName } from '../../../deploy/local/processes';
import { FakeBackend } from './fake-backend';
import { LabKafka, type LabKafkaOptions } from './lab-kafka';
import { LabPostgres } from './lab-postgres';
import { ServiceProcess } from './service-process';
import { freePorts, waitFor, type promised } from './wait';

/** Places where something may be put between a service and what it talks to. Each gives back the address to use instead. */
export interface LabThrough {
  databaseUrl?(service: ServiceName, url: string): string;
  kafkaBrokers?(service: ServiceName, brokers: string[]): string[];
  /** Address (host:port) under which `service` reaches the gRPC port of `peer`. */
  peer?(service: ProcessName, peer: ServiceName, address: string): string;
}

export interface LabOptions {
  services?: ProcessName[];
  replicas?: Partial<Record<ServiceName, number>>;
  /** Environment over the lab's own, for one process or for all. */
  env?: Partial<Record<ProcessName | 'all', Record<string, string>>>;
  kafka?: LabKafkaOptions;
  postgres?: { dataDir?: string };
  through?: 'direct' | LabThrough;
  /** Wrapper in front of each process (see ServiceProcess), told the ports that it will use. */
  command?(service: ProcessName, ports: { http: number; grpc: number }): string[];
  /** Called once Kafka and Postgres run and before any service starts: place for a proxy that `through` points to. */
  prepare?(lab: FaultLab): Promise<void>;
}

export interface ReplicaOptions {
  env?: Record<string, string>;
  distRoot?: string;
  command?: string[];
  /** False: do not wait until it is ready (it is meant to fail or freeze first). */
  waitReady?: boolean;
  /** False: the traffic's requests go to the others. */
  takesTraffic?: boolean;
}

interface Place {
  http: number;
  grpc: number;
}

/** A whole platform of built services on real Kafka and real Postgres, in a folder of its own, to be broken. */
export class FaultLab {
  kafka: LabKafka;
  postgres: LabPostgres;
  backend: FakeBackend;
  private home: Home;
  private readonly places = new Map<ProcessName, Place>();
  private readonly running = new Map<ProcessName, ServiceProcess[]>();
  private readonly everStarted = new Map<ProcessName, ServiceProcess[]>();

  private constructor(
    readonly directory: string,
    readonly options: LabOptions,
  ) {}

  static async start(options: LabOptions = {}, parent = tmpdir()): Promise<FaultLab> {
    mkdirSync(parent, { recursive: true });
    const directory = mkdtempSync(join(parent, 'millrace-faults-'));
    chmodSync(directory, 0o755); // as root, Postgres runs as another user
    const lab = new FaultLab(directory, options);
    try {
      await lab.startAll();
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Names of the processes of this lab. */
  get services(): ProcessName[] {
    return this.options.services ?? [...serviceNames];
  }

  replicas(service: ProcessName): ServiceProcess[] {
    return this.running.get(service) ?? [];
  }

  allReplicas(): ServiceProcess[] {
    return this.services.flatMap((service) => this.replicas(service));
  }

  http(service: ProcessName, replica = 0): string {
    return this.replica(service, replica).httpUrl;
  }

  grpc(service: ProcessName, replica = 0): string {
    return this.replica(service, replica).grpcAddress;
  }

  /** One more process of a service, on free ports, with the same database and consumer groups; resolves when it is ready. */
  async startReplica(service: ProcessName, options: ReplicaOptions = {}): Promise<ServiceProcess> {
    const [http, grpc] = await freePorts(2);
    const started = this.launch(service, { http, grpc }, options);
    if (options.waitReady !== false) await started.ready();
    return started;
  }

  /** Leaves a replica that has ended out of everything from now on. */
  forget(replica: ServiceProcess): void {
    const left = this.replicas(replica.service).filter((each) => each !== replica);
    this.running.set(replica.service, left);
  }

  /** Everything that belongs to the lab runs and is ready; replicas beyond the first number are stopped. */
  async heal(): Promise<void> {
    if (this.kafka.isRunning) this.kafka.signal('SIGCONT');
    await this.kafka.start();
    await this.postgres.start();
    await Promise.all(
      this.services.map(async (service) => {
        const wanted = this.wantedReplicas(service);
        const replicas = this.replicas(service);
        for (const replica of replicas) replica.kill('SIGCONT');
        await Promise.all(replicas.slice(wanted).map((replica) => replica.stop()));
        this.running.set(service, replicas.slice(0, wanted));
        for (const replica of replicas.slice(0, wanted)) {
          if (replica.isRunning && !replica.isChanged) await replica.ready();
          else await replica.restart({});
        }
      }),
    );
  }

  /** Copies the logs of the processes, of Kafka and of Postgres to a folder that outlives the lab. */
  copyLogs(folder: string): void {
    mkdirSync(folder, { recursive: true });
    cpSync(join(this.directory, 'logs'), folder, { recursive: true });
    for (const [name, file] of Object.entries({
      kafka: join(this.kafka.dataDir, 'broker.log'),
      postgres: this.postgres.logFile,
    })) {
      if (existsSync(file)) cpSync(file, join(folder, `${name}.log`));
    }
  }

  /** Stops everything and removes the data. */
  async close(): Promise<void> {
    const all = [...this.running.values()].flat();
    for (const replica of all) replica.kill('SIGCONT');
    await Promise.all(
      all.map(async (replica) => {
        replica.kill('SIGTERM');
        const timer = setTimeout(() => replica.kill('SIGKILL'), 15_000);
        await replica.ended;
        clearTimeout(timer);
      }),
    );
    await this.backend?.close();
    await this.kafka?.kill();
    await this.postgres?.stop('immediate');
    removeEmbeddedPostgres(this.postgresDirectory);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  private get postgresDirectory(): string {
    return this.options.postgres?.dataDir ?? join(this.directory, 'postgres');
  }

  private async startAll(): Promise<void> {
    const { options, directory } = this;
    this.home = new Home(join(directory, 'home'));
    mkdirSync(this.postgresDirectory, { recursive: true });
    [this.postgres, this.kafka, this.backend] = await Promise.all([
      LabPostgres.start(this.postgresDirectory),
      LabKafka.start(options.kafka?.dataDir ?? join(directory, 'kafka'), options.kafka),
      FakeBackend.start(),
    ]);
    this.postgres.serviceUrls = await prepareDatabases(this.postgres.adminUrl(), this.home, serviceNames);
    await applyTopics(this.kafka.brokers);
    const ports = await freePorts(2 * this.services.length);
    this.services.forEach((service, index) => this.places.set(service, { http: ports[2 * index], grpc: ports[2 * index + 1] }));
    await options.prepare?.(this);
    for (const service of this.services) {
      this.launch(service, this.places.get(service) as Place, {});
      for (let extra = 1; extra < this.wantedReplicas(service); extra += 1) {
        const [http, grpc] = await freePorts(2);
        this.launch(service, { http, grpc }, {});
      }
    }
    await Promise.all(this.allReplicas().map((replica) => replica.ready()));
  }

  private wantedReplicas(service: ProcessName): number {
    return service === 'runtime' ? 1 : (this.options.replicas?.[service] ?? 1);
  }

  private launch(service: ProcessName, place: Place, options: ReplicaOptions): ServiceProcess {
    const replicas = this.replicas(service);
    const number = this.everStarted.get(service)?.length ?? 0;
    const started = new ServiceProcess({
      service,
      httpPort: place.http,
      grpcPort: place.grpc,
      env: { ...this.environment(service, number), ...options.env },
      logFile: join(this.directory, 'logs', `${service}-${number}.log`),
      distRoot: options.distRoot,
      takesTraffic: options.takesTraffic,
      command: options.command ?? this.options.command?.(service, place),
    });
    this.running.set(service, [...replicas, started]);
    this.everStarted.set(service, [...(this.everStarted.get(service) ?? []), started]);
    return started;
  }

  private environment(service: ProcessName, number: number): Record<string, string> {
    const { env = {}, through } = this.options;
    const hooks = through === undefined || through === 'direct' ? {} : through;
    const peers: Record<string, string> = {};
    for (const peer of serviceNames) {
      const address = `127.0.0.1:${this.places.get(peer)?.grpc ?? 1}`;
      peers[`${peer.replaceAll('-', '_').toUpperCase()}_GRPC`] = hooks.peer?.(service, peer, address) ?? address;
    }
    const own: Record<string, string> =
      service === 'runtime'
        ? {}
        : {
            DATABASE_URL: hooks.databaseUrl?.(service, this.postgres.url(service)) ?? this.postgres.url(service),
            BROKER: 'kafka',
            KAFKA_BROKERS: (hooks.kafkaBrokers?.(service, this.kafka.brokers) ?? this.kafka.brokers).join(','),
            // Short, so that a dead or frozen member is missed within a test's patience.
            KAFKA_SESSION_SECONDS: '10',
          };
    return {
      STORAGE_URL: `file://${join(this.directory, 'home', 'blobs')}`,
      RUNTIME_URL: this.backend.url,
      AUTH_SIGNING_KEY: this.home.secrets().signingKey,
      SHUTDOWN_READINESS_SECONDS: '0',
      OUTBOUND_ALLOW_HOSTS: '127.0.0.1,localhost',
      WORK_DIR: join(this.directory, 'home', 'work', `${service}-${number}`),
      // A few raters give all the feedback of a test: their daily bound is not what is tested.
      FEEDBACK_PER_RATER_DAY_MAX: '1000000',
      RATER_REVIEW_SECONDS: '1',
      ...peers,
      ...own,
      ...env.all,
      ...env[service],
    };
  }

  private replica(service: ProcessName, index: number): ServiceProcess {
    const found = this.replicas(service)[index];
    if (!found) throw new Error(`the lab has no ${service} number ${index}`);
    return found;
  }
}

/** Waits until no service has an event waiting in its outbox, or throws with what waits. `wait`: `promised`, where the time is. */
export async function outboxesEmpty(lab: FaultLab, timeoutMs: number, wait: typeof promised = waitFor): Promise<void> {
  const owners = lab.services.filter((name): name is ServiceName => name !== 'runtime');
  await wait(
    'empty outboxes',
    async () => {
      for (const service of owners) {
        const [row] = await lab.postgres.sql<{ waiting: string }>(
          service,
          'select count(*) as waiting from outbox where published_at is null',
        );
        if (row.waiting !== '0') throw new Error(`${row.waiting} events wait in the outbox of ${service}`);
      }
      return true;
    },
    { timeoutMs, intervalMs: 200 },
  );
}
