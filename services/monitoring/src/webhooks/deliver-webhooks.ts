// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { toAppError } from '#libs/errors';
import { Logger } from '#libs/observability';
import { Database } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { WebhookCalls } from './webhook-calls';
import { WebhookSender, type SendResult } from './webhook-sender';
import { WebhooksRepository, type Delivery, type SettledDelivery } from './webhooks.repository';

const BACKOFF_SECONDS_MAX = 600;

/** One look at what is due. */
export interface DeliveryLook {
  /** Calls that were begun. */
  started: number;
  /** Something that was due is left, for lack of room. */
  isMore: boolean;
}

/**
 * Drives pending deliveries: claim (lease and fence), call, settle. A process that dies in between leaves the row claimed until
 * its lease ends, then another one calls again: receivers see a notification at least once, and know it by
 * (groupKey, fingerprint, startsAt).
 *
 * A delivery is claimed only when there is room for its call, which begins at once: the lease is all for the call.
 */
@Injectable()
export class DeliverWebhooks {
  constructor(
    private readonly db: Database,
    private readonly webhooks: WebhooksRepository,
    private readonly sender: WebhookSender,
    private readonly calls: WebhookCalls,
    private readonly settings: MonitoringSettings,
    private readonly metrics: MonitoringMetrics,
    private readonly logger: Logger,
  ) {}

  /** Begins calls for what is due now, a workspace after the other, and waits for none of them. */
  async execute(): Promise<DeliveryLook> {
    const leaseSeconds = this.settings.webhookTimeoutSeconds * 2 + 10;
    // What fails now and is due again before this ends is for the next look.
    const { dueTime, workspaces } = await this.webhooks.due(this.db);
    const left = new Set(workspaces);
    let started = 0;
    for (let open = this.calls.inTurn([...left]); open.length > 0; open = this.calls.inTurn([...left])) {
      for (const workspace of open) {
        if (!this.calls.hasRoom(workspace)) continue;
        const delivery = await this.webhooks.claim(this.db, { workspace, dueTime, leaseSeconds });
        if (!delivery) left.delete(workspace);
        else {
          this.calls.start(workspace, (signal) => this.drive(delivery, signal));
          started += 1;
        }
      }
    }
    return { started, isMore: left.size > 0 };
  }

  private async drive(delivery: Delivery, signal: AbortSignal): Promise<void> {
    try {
      const result = await this.sender.send(delivery.url, delivery.body, signal);
      if (result.cancelled) await this.webhooks.release(this.db, delivery);
      else await this.webhooks.settle(this.db, this.outcomeOf(delivery, result));
    } catch (error) {
      this.metrics.loopErrors.inc({ task: 'deliver-webhooks' });
      this.logger.error(
        { code: toAppError(error).code, deliveryId: delivery.id, err: error },
        'webhook delivery was not settled; it is called again when its lease ends',
      );
    }
  }

  private outcomeOf(delivery: Delivery, result: SendResult): SettledDelivery {
    if (result.delivered) {
      this.metrics.webhookDeliveries.inc({ outcome: 'delivered' });
      return { ...delivery, state: 'delivered', statusCode: result.statusCode, lastError: '', retrySeconds: 0 };
    }
    const over = result.permanent || delivery.attempts >= this.settings.webhookAttemptsMax;
    this.metrics.webhookDeliveries.inc({ outcome: over ? 'failed' : 'retried' });
    return {
      ...delivery,
      state: over ? 'failed' : 'pending',
      statusCode: result.statusCode,
      lastError: result.error.slice(0, 500),
      retrySeconds: over ? 0 : backoffSeconds(delivery.attempts),
    };
  }
}

/** 1, 2, 4 ... seconds after the first, second, third try; at most ten minutes. */
export function backoffSeconds(attempts: number): number {
  return Math.min(BACKOFF_SECONDS_MAX, 2 ** Math.max(0, attempts - 1));
}
