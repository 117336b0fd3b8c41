// SPDX-License-Identifier: Apache-2.0
import { Client } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { databaseName, serviceNames, type ServiceName } from '../../../deploy/local/processes';

/** A real Postgres with fsync on, on a port that it keeps. */
export class LabPostgres {
  /** Database URLs of the services' own roles; set once the databases are made. */
  serviceUrls: Record<string, string> = {};
  private running = true;

  private constructor(
    private server: EmbeddedPostgres,
    private readonly directory: string,
  ) {}

  static async start(directory: string): Promise<LabPostgres> {
    return new LabPostgres(await startEmbeddedPostgres({ directory, fsync: true, startTimeoutMs: 90_000 }), directory);
  }

  get pid(): number {
    return this.server.pid;
  }

  get port(): number {
    return this.server.port;
  }

  get logFile(): string {
    return this.server.logFile;
  }

  get isRunning(): boolean {
    return this.running;
  }

  get dataDirectory(): string {
    return this.server.dataDirectory;
  }

  /** A service's own URL, or the administrator's for a database by name. */
  url(target: string): string {
    return this.serviceUrls[target] ?? this.adminUrl(target);
  }

  adminUrl(target = 'postgres'): string {
    const isService = (serviceNames as readonly string[]).includes(target);
    return this.server.url(isService ? databaseName(target as ServiceName) : target);
  }

  async stop(mode: 'immediate' | 'fast'): Promise<void> {
    if (!this.running) return;
    this.running = false;
    await this.server.stop({ mode, timeoutMs: 30_000 });
  }

  async start(): Promise<void> {
    if (this.running) return;
    this.server = await startEmbeddedPostgres({ directory: this.directory, port: this.port, startTimeoutMs: 90_000 });
    this.running = true;
  }

  /** One statement as the administrator, on a connection of its own. `database`: a service's name, or a database's. */
  async sql<Row extends object = Record<string, unknown>>(
    database: string,
    text: string,
    params: readonly unknown[] = [],
  ): Promise<Row[]> {
    const client = new Client({
      connectionString: this.adminUrl(database),
      application_name: 'millrace-fault-lab',
      connectionTimeoutMillis: 10_000,
      query_timeout: 30_000,
    });
    // A server that is stopped under an idle connection says so here; the query tells the caller.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(text, [...params])).rows as Row[];
    } finally {
      await client.end();
    }
  }
}
