// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepareDatabases } from './databases';
import { Home } from './home';
import type { LaunchOptions } from './options';
import { PostgresKeeper } from './postgres-keeper';
import { refuseTakenPorts } from './ports';
import {
  httpPort,
  portsNeeded,
  postgresPort,
  processEnvironment,
  type ProcessName,
  serviceNames,
  type ServiceName,
} from './processes';
import { Supervisor } from './supervisor';
import { applyTopics } from './kafka-topics';

const READY_TIMEOUT_MS = 60_000;
/** The whole stop takes at most 25 s: children 20, Postgres the rest. */
const CHILD_GRACE_MS = 20_000;

/** A running local platform. */
export class Platform {
  private constructor(
    readonly options: LaunchOptions,
    readonly home: Home,
    private readonly supervisor: Supervisor,
    private readonly postgres: PostgresKeeper | undefined,
  ) {}

  /** Starts everything that was asked for and returns when all of it is ready; on a failure stops what had started. */
  static async start(options: LaunchOptions, report: (line: string) => void, signal?: AbortSignal): Promise<Platform> {
    const home = new Home(options.home);
    home.lock();
    const supervisor = new Supervisor({ restartFirstMs: 500, restartMaxMs: 30_000, report });
    let postgres: PostgresKeeper | undefined;
    try {
      await refuseTakenPorts(portsNeeded(options.portBase, options.only));
      const services = options.only.filter((name): name is ServiceName => name !== 'runtime');
      let urls: Record<string, string> = {};
      if (services.length > 0) {
        postgres = process.env.DATABASE_URL
          ? undefined
          : await PostgresKeeper.start(home.postgresDirectory, postgresPort(options.portBase), report);
        urls = await prepareDatabases(postgres?.url() ?? (process.env.DATABASE_URL as string), home, services);
      }
      if (options.broker === 'kafka') await applyTopics((process.env.KAFKA_BROKERS as string).split(','));
      signal?.throwIfAborted();
      for (const name of options.only) startProcess(supervisor, { name, options, home, urls });
      home.writeState({
        pid: process.pid,
        portBase: options.portBase,
        broker: options.broker,
        startTime: new Date().toISOString(),
        databaseUrls: urls,
      });
      await supervisor.waitUntilReady(READY_TIMEOUT_MS, signal);
      return new Platform(options, home, supervisor, postgres);
    } catch (error) {
      await supervisor.stop(CHILD_GRACE_MS);
      await postgres?.stop();
      home.unlock();
      throw error;
    }
  }

  /** Stops children, then Postgres, and gives the home back. Safe to call twice. */
  async stop(): Promise<void> {
    await this.supervisor.stop(CHILD_GRACE_MS);
    await this.postgres?.stop();
    this.home.unlock();
  }

  /** Process id of a child, for tests that kill it. */
  pid(name: ProcessName): number | undefined {
    return this.supervisor.pid(name);
  }
}

interface ProcessStart {
  name: ProcessName;
  options: LaunchOptions;
  home: Home;
  urls: Record<string, string>;
}

function startProcess(supervisor: Supervisor, { name, options, home, urls }: ProcessStart): void {
  const isService = (serviceNames as readonly string[]).includes(name);
  mkdirSync(join(home.path, 'work', name), { recursive: true });
  supervisor.start({
    name,
    script: join(__dirname, '..', '..', 'services', name, 'src', 'main.js'),
    logFile: home.logFile(name),
    readyUrl: `http://127.0.0.1:${httpPort(options.portBase, name)}/health/ready`,
    env: processEnvironment({
      name,
      portBase: options.portBase,
      home: home.path,
      signingKey: home.secrets().signingKey,
      databaseUrl: isService ? urls[name] : undefined,
      eventLogUrl: isService ? urls.events : undefined,
      broker: options.broker,
      inherited: process.env,
    }),
  });
}
