// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { Database } from '#libs/persistence';
import type { OutboxRelay } from './outbox-relay';

const GATHER_MS = 5;

/**
 * Tells the relay that something was committed. In the leading process that is a function call; elsewhere one NOTIFY for all
 * commits of a few milliseconds, outside of their transactions: NOTIFY inside takes a lock that puts all commits in a row.
 */
export class OutboxWaker {
  private cancel?: () => void;
  private notifying: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly relay: OutboxRelay,
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  wake(): void {
    if (this.relay.isLeader) return this.relay.wake();
    if (this.stopped || this.cancel) return;
    this.cancel = this.clock.timer(GATHER_MS, () => {
      this.cancel = undefined;
      this.notifying = this.notify();
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel?.();
    await this.notifying;
  }

  private async notify(): Promise<void> {
    try {
      await this.database.query("select pg_notify('millrace_outbox', '')");
    } catch (error) {
      // The relay's poll finds it anyway, some seconds later.
      this.logger.debug({ err: error }, 'relay could not be woken');
    }
  }
}
