// SPDX-License-Identifier: Apache-2.0
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#libs/embedded-postgres';
import { isAlive } from './home';

const LOOK_MS = 1000;

/**
 * Keeps the embedded Postgres running: a server that died is started again on the same data and port, and the services, which
 * outlive it, find it there. Committed data survives (fsync is on).
 */
export class PostgresKeeper {
  private readonly timer: NodeJS.Timeout;
  private restarting?: Promise<void>;
  private stopping = false;

  private constructor(
    private server: EmbeddedPostgres,
    private readonly directory: string,
    private readonly report: (line: string) => void,
  ) {
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  static async start(directory: string, port: number, report: (line: string) => void): Promise<PostgresKeeper> {
    return new PostgresKeeper(await startEmbeddedPostgres({ directory, port }), directory, report);
  }

  /** Connection URL of the administrator. */
  url(): string {
    return this.server.url();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.restarting;
    await this.server.stop();
  }

  private look(): void {
    if (this.restarting || this.stopping || isAlive(this.server.pid)) return;
    this.report(`Postgres ended; starting it again (see ${this.server.logFile})`);
    this.restarting = this.restart().finally(() => {
      this.restarting = undefined;
    });
  }

  /** A start that fails is told and tried again at the next look. */
  private async restart(): Promise<void> {
    try {
      this.server = await startEmbeddedPostgres({ directory: this.directory, port: this.server.port });
      this.report('Postgres is back');
    } catch (error) {
      this.report(`Postgres did not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
