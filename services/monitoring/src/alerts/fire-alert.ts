// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { MonitoringMetrics } from '../monitoring.metrics';
import type { AlertDraft, Monitor } from '../monitors/monitor';
import { EnqueueDeliveries } from '../webhooks/enqueue-deliveries';
import { AlertsRepository, type Alert } from './alerts.repository';

/** Fires an alert once per monitor until it is resolved: row, event and webhook intents in one transaction. */
@Injectable()
export class FireAlert {
  constructor(
    private readonly alerts: AlertsRepository,
    private readonly publisher: EventPublisher,
    private readonly enqueueDeliveries: EnqueueDeliveries,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(tx: Transaction, monitor: Monitor, draft: AlertDraft): Promise<void> {
    const alert: Alert = {
      workspace: monitor.workspace,
      id: this.ids.next(),
      monitorId: monitor.id,
      severity: monitor.config.severity,
      modelName: monitor.modelName,
      endpoint: monitor.endpoint,
      state: 'firing',
      startTime: this.clock.now(),
      endTime: null,
      resolveReason: '',
      ...draft,
    };
    if (!(await this.alerts.insertFiring(tx, alert))) return;
    await this.publisher.publish(tx, Events.AlertFired, {
      workspace: alert.workspace,
      aggregateId: alert.id,
      aggregateVersion: 1,
      data: {
        alertId: alert.id,
        monitorId: alert.monitorId,
        kind: alert.kind,
        severity: alert.severity,
        modelName: alert.modelName,
        endpoint: alert.endpoint,
        direction: alert.direction,
        effect: alert.effect,
        pValue: alert.pValue,
        summary: alert.summary,
        sampleInferenceIds: alert.sampleInferenceIds,
        startTime: alert.startTime,
      },
    });
    await this.enqueueDeliveries.execute(tx, alert, monitor.name);
    this.metrics.alerts.inc({ kind: alert.kind, state: 'firing' });
  }
}
