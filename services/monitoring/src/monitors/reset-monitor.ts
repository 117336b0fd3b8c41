// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import { ResolveAlert } from '../alerts/resolve-alert';
import { databaseTime } from '../database-time';
import type { Monitor } from './monitor';
import { MonitorsRepository } from './monitors.repository';

/**
 * Starts a monitor afresh: what was seen before does not count any more and its alert ends. A reference or base rate that was
 * given stays when a person resets; one that was learned is learned again. When another version takes over the endpoint all
 * references are learned again: the new version was made for today's traffic, the old reference was the old version's.
 */
@Injectable()
export class ResetMonitor {
  constructor(
    private readonly monitors: MonitorsRepository,
    private readonly resolveAlert: ResolveAlert,
  ) {}

  /** `monitor` must be locked by the transaction. */
  async execute(tx: Transaction, monitor: Monitor, change: { reason: string; relearn: boolean }): Promise<Monitor> {
    const { reason } = change;
    const now = await databaseTime(tx);
    const keep = !change.relearn && monitor.baseline.referenceSource === 'given';
    if (!keep) await this.monitors.putReferenceRows(tx, monitor, []);
    await this.resolveAlert.execute(tx, monitor, reason);
    const fresh: Monitor = {
      ...monitor,
      state: 'unknown',
      stateReason: reason,
      stateTime: now,
      baseline: keep ? { referenceCount: monitor.baseline.referenceCount ?? 0, referenceSource: 'given' } : {},
      lastEvaluation: {},
      observeFrom: now,
      evaluateTime: now,
    };
    await this.monitors.save(tx, fresh);
    return fresh;
  }
}
