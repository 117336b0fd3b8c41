// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields, notFound } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { ResolveAlert } from '../alerts/resolve-alert';
import type { Monitor } from './monitor';
import { MonitorsRepository } from './monitors.repository';
import { ResetMonitor } from './reset-monitor';

export type MonitorChange = { kind: 'reset'; reason: string; requestId: string } | { kind: 'delete'; requestId: string };

/** A person resets or deletes a monitor. Returns the monitor as it is (or was, when deleted). */
@Injectable()
export class ChangeMonitor {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly monitors: MonitorsRepository,
    private readonly resetMonitor: ResetMonitor,
    private readonly resolveAlert: ResolveAlert,
  ) {}

  async execute(workspace: string, idOrName: string, change: MonitorChange): Promise<Monitor> {
    if (change.kind === 'reset' && change.reason.trim() === '') throw invalidFields({ field: 'reason', message: 'is missing' });
    const { requestId } = change;
    const key = { workspace, operation: `ChangeMonitor.${change.kind}`, requestId, request: { idOrName } };
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, key, async () => {
        const monitor = await this.monitors.lock(tx, workspace, idOrName);
        if (!monitor) throw notFound('monitor', idOrName);
        if (change.kind === 'reset') return this.resetMonitor.execute(tx, monitor, { reason: change.reason, relearn: false });
        await this.resolveAlert.execute(tx, monitor, 'the monitor was deleted');
        await this.monitors.delete(tx, workspace, monitor.id);
        return monitor;
      }),
    );
  }
}
