// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { WebhookSender } from './webhook-sender';
import { WebhooksRepository, type Delivery, type SettledDelivery } from './webhooks.repository';

const DELIVERIES_PER_PASS = 50;
const BACKOFF_SECONDS_MAX = 600;

/**
 * Drives pending deliveries: claim (lease and fence), call, settle. A process that dies in between leaves the row claimed until
 * its lease ends, then another one calls again: receivers see a notification at least once, and know it by
 * (groupKey, fingerprint, startsAt).
 */
@Injectable()
export class DeliverWebhooks {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly webhooks: WebhooksRepository,
    private readonly sender: WebhookSender,
    private readonly settings: MonitoringSettings,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(): Promise<number> {
    const leaseSeconds = this.settings.webhookTimeoutSeconds * 2 + 10;
    let driven = 0;
    for (; driven < DELIVERIES_PER_PASS; driven += 1) {
      const delivery = await this.unitOfWork.run((tx) => this.webhooks.claim(tx, leaseSeconds), {
        label: 'claim-delivery',
      });
      if (!delivery) break;
      const settled = await this.attempt(delivery);
      await this.unitOfWork.run((tx) => this.webhooks.settle(tx, settled), { label: 'settle-delivery' });
    }
    return driven;
  }

  private async attempt(delivery: Delivery): Promise<SettledDelivery> {
    const result = await this.sender.send(delivery.url, delivery.body);
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
