// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { MonitoringMetrics } from '../monitoring.metrics';
import type { Monitor } from '../monitors/monitor';
import { EnqueueDeliveries } from '../webhooks/enqueue-deliveries';
import { AlertsRepository } from './alerts.repository';

/** Ends the firing alert of a monitor, if it has one. */
@Injectable()
export class ResolveAlert {
  constructor(
    private readonly alerts: AlertsRepository,
    private readonly publisher: EventPublisher,
    private readonly enqueueDeliveries: EnqueueDeliveries,
    private readonly clock: Clock,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(tx: Transaction, monitor: Monitor, reason: string): Promise<void> {
    const endTime = this.clock.now();
    const key = { workspace: monitor.workspace, monitorId: monitor.id };
    const alert = await this.alerts.resolve(tx, key, { time: endTime, reason });
    if (!alert) return;
    await this.publisher.publish(tx, Events.AlertResolved, {
      workspace: alert.workspace,
      aggregateId: alert.id,
      aggregateVersion: 2,
      data: { alertId: alert.id, monitorId: alert.monitorId, reason, endTime },
    });
    await this.enqueueDeliveries.execute(tx, alert, monitor.name);
    this.metrics.alerts.inc({ kind: alert.kind, state: 'resolved' });
  }
}
