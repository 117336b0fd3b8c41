// SPDX-License-Identifier: Apache-2.0
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { describeError, Logger, ShutdownSequence } from '#libs/observability';
import { RegistrySettings } from '../config';
import { RegistryMetrics } from '../registry.metrics';
import { ExpireApprovals } from './expire-approvals';

/** Expires approvals in the background. Several replicas may run it: each takes what no other holds. */
@Injectable()
export class ApprovalSweeper implements OnApplicationBootstrap {
  private readonly stop = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly expire: ExpireApprovals,
    private readonly settings: RegistrySettings,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: RegistryMetrics,
    shutdown: ShutdownSequence,
  ) {
    shutdown.on('stop-intake', 'approval sweeper', () => this.end());
  }

  onApplicationBootstrap(): void {
    this.running = this.loop();
  }

  private async loop(): Promise<void> {
    while (!this.stop.signal.aborted) {
      try {
        const { ended, failures } = await this.expire.execute();
        this.metrics.approvalsExpired.inc(ended);
        for (const failure of failures) this.logger.error({ err: describeError(failure) }, 'an approval could not be ended');
      } catch (error) {
        // The database may be away; the next round tries again.
        this.logger.warn({ err: describeError(error) }, 'approvals not swept');
      }
      await this.clock.sleepUnlessAborted(this.settings.approvalSweepSeconds * 1000, this.stop.signal);
    }
  }

  private async end(): Promise<void> {
    this.stop.abort(new Error('stopping'));
    await this.running;
  }
}
