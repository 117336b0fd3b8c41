// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import type { Transaction } from '#libs/persistence';
import { alertmanagerBody } from '../alerts/alertmanager-body';
import type { Alert } from '../alerts/alerts.repository';
import { MonitoringSettings } from '../config';
import { WebhooksRepository, type NewDelivery } from './webhooks.repository';

const ALERT_NAMES: Record<string, string> = { drift: 'MillraceDrift', quality: 'MillraceQuality', no_data: 'MillraceNoData' };

/** Writes one delivery intent per webhook of the workspace, in the transaction of the alert's change. */
@Injectable()
export class EnqueueDeliveries {
  constructor(
    private readonly webhooks: WebhooksRepository,
    private readonly settings: MonitoringSettings,
    private readonly ids: Ids,
  ) {}

  async execute(tx: Transaction, alert: Alert, monitorName: string): Promise<void> {
    const receivers = await this.webhooks.list(tx, alert.workspace);
    const deliveries = receivers
      .filter((webhook) => alert.state === 'firing' || webhook.sendResolved)
      .map((webhook): NewDelivery => ({
        workspace: alert.workspace,
        id: this.ids.next(),
        webhookId: webhook.id,
        alertId: alert.id,
        url: webhook.url,
        body: this.bodyOf(alert, monitorName, webhook.name),
      }));
    await this.webhooks.insertDeliveries(tx, deliveries);
  }

  private bodyOf(alert: Alert, monitorName: string, receiver: string) {
    const { publicUrl } = this.settings;
    const facts = {
      labels: {
        alertname: ALERT_NAMES[alert.kind] ?? 'Millrace',
        workspace: alert.workspace,
        monitor: monitorName,
        model: alert.modelName,
        endpoint: alert.endpoint,
        severity: alert.severity,
      },
      annotations: {
        summary: alert.summary,
        direction: alert.direction,
        effect: String(alert.effect),
        p_value: String(alert.pValue),
        sample_inference_ids: alert.sampleInferenceIds.join(','),
        ...(alert.resolveReason === '' ? {} : { resolve_reason: alert.resolveReason }),
      },
      startTime: alert.startTime,
      ...(alert.endTime ? { endTime: alert.endTime } : {}),
      generatorUrl: `${publicUrl}/api/v1/alerts/${alert.id}`,
    };
    return alertmanagerBody([facts], { receiver, externalUrl: publicUrl, groupLabels: ['alertname', 'workspace', 'monitor'] });
  }
}
