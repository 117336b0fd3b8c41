// SPDX-License-Identifier: Apache-2.0
import { Client } from 'pg';
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import { Signal } from '../signal';

export interface ListenerOptions {
  databaseUrl: string;
  applicationName: string;
  channels: readonly string[];
  clock: Clock;
  logger: Logger;
  /** An empty payload means "anything may have happened"; every channel gets one after a reconnect. */
  onNotice: (channel: string, payload: string) => void;
}

/** Holds one connection with LISTEN and opens it again whenever it breaks. Notices only save time: readers poll as well. */
export class NoticeListener {
  private readonly stopping = new AbortController();
  private readonly ended = new Signal();
  private running?: Promise<void>;

  constructor(private readonly options: ListenerOptions) {}

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort(new DOMException('stopped', 'AbortError'));
    this.ended.set();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.listen(() => (failures = 0));
      } catch (error) {
        this.options.logger.warn({ err: error }, 'listener interrupted');
      }
      failures += 1;
      await this.options.clock.sleep(Math.min(5_000, 100 * 2 ** failures), signal).catch(() => undefined);
    }
  }

  private async listen(onListening: () => void): Promise<void> {
    const { databaseUrl, applicationName, channels, onNotice } = this.options;
    const client = new Client({
      connectionString: databaseUrl,
      application_name: applicationName,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      keepAlive: true,
    });
    let broken: Error | undefined;
    this.ended.reset();
    if (this.stopping.signal.aborted) return;
    client.on('error', (error) => {
      broken = error;
      this.ended.set();
    });
    client.on('end', () => this.ended.set());
    client.on('notification', ({ channel, payload }) => onNotice(channel, payload ?? ''));
    try {
      await client.connect();
      for (const channel of channels) await client.query(`listen ${channel}`);
      onListening();
      for (const channel of channels) onNotice(channel, '');
      await this.ended.wait(2 ** 31 - 1);
      if (broken) throw broken;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
