// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { OpenSession } from '#libs/persistence';
import { Signal } from '../signal';

export interface ListenerOptions {
  openSession: OpenSession;
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
  private readonly ended: Signal;
  private running?: Promise<void>;

  constructor(private readonly options: ListenerOptions) {
    this.ended = new Signal(options.clock);
  }

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
      await this.options.clock.sleepUnlessAborted(Math.min(5_000, 100 * 2 ** failures), signal);
    }
  }

  private async listen(onListening: () => void): Promise<void> {
    const { openSession, applicationName, channels, onNotice } = this.options;
    let broken: Error | undefined;
    this.ended.reset();
    if (this.stopping.signal.aborted) return;
    const session = await openSession({
      applicationName,
      queryTimeoutMs: 10_000,
      onNotice,
      onLost: (error) => {
        broken ??= error;
        this.ended.set();
      },
    });
    try {
      for (const channel of channels) await session.query(`listen ${channel}`);
      onListening();
      for (const channel of channels) onNotice(channel, '');
      await this.ended.wait();
      if (broken) throw broken;
    } finally {
      await session.end();
    }
  }
}
