// SPDX-License-Identifier: Apache-2.0
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { toAppError } from '#libs/errors';
import { Logger, ShutdownSequence } from '#libs/observability';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { DeliverWebhooks } from './deliver-webhooks';
import { WebhookCalls } from './webhook-calls';

/**
 * Looks for deliveries that are due, beside the evaluations and never in their way: how long a call takes is up to a receiver, which
 * a tenant chooses. For the same reason no call is waited for between two looks, and liveness knows nothing of this loop.
 */
@Injectable()
export class DeliveryLoop implements OnApplicationBootstrap {
  private running: Promise<void> = Promise.resolve();
  private isStopping = false;
  private isWaitingForRoom = false;
  private pause = new AbortController();

  constructor(
    private readonly deliverWebhooks: DeliverWebhooks,
    private readonly calls: WebhookCalls,
    private readonly settings: MonitoringSettings,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: MonitoringMetrics,
    shutdown: ShutdownSequence,
  ) {
    calls.onEnd = () => {
      if (this.isWaitingForRoom) this.pause.abort();
    };
    shutdown.on('stop-intake', 'webhook deliveries', async () => {
      this.isStopping = true;
      this.pause.abort();
      this.calls.takeNoMore();
      await this.running;
      await this.calls.close();
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings.runConsumers) this.running = this.loop();
  }

  private async loop(): Promise<void> {
    while (!this.isStopping) {
      this.pause = new AbortController();
      // Until it is known that nothing was left: a call that ends meanwhile makes room for it.
      this.isWaitingForRoom = true;
      this.isWaitingForRoom = await this.look();
      if (!this.isStopping) await this.clock.sleepUnlessAborted(this.settings.evaluationIntervalMs, this.pause.signal);
    }
  }

  /** True when something due is left for lack of room. */
  private async look(): Promise<boolean> {
    try {
      return (await this.deliverWebhooks.execute()).isMore;
    } catch (error) {
      this.metrics.loopErrors.inc({ task: 'deliver-webhooks' });
      this.logger.error({ code: toAppError(error).code, err: error }, 'look for webhook deliveries failed');
      return false;
    }
  }
}
