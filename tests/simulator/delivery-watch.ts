// SPDX-License-Identifier: Apache-2.0
import type { AlertmanagerBody } from '../../services/monitoring/src/alerts/alertmanager-body';
import { type RowValue, valuesOf } from './row-values';
import { bodyKey, type SimReceivers } from './sim-receivers';
import type { Backend, SimPostgres } from './sql/server';
import type { Row, Tx } from './sql/store';

interface Seen {
  fence: number;
  /** When it may be claimed next. */
  dueMs: number;
  holder?: object;
  /** Claimed and not settled; virtual time since then. */
  claimedMs?: number;
  /** Claims whose holder was never heard of again: their tries count for nobody. */
  expired: number;
}

/**
 * Looks at each commit: no claim before its time, no outcome by a replica that does not hold the delivery, none is delivered before
 * its receiver took it, none is given up early, and none is tried too often.
 */
export class DeliveryWatch {
  readonly violations: string[] = [];
  private readonly seen = new Map<number, Seen>();

  constructor(
    private readonly db: SimPostgres,
    private readonly receivers: SimReceivers,
    private readonly triesMax: number,
  ) {
    db.onCommit = (tx) => this.look(tx);
  }

  private look(tx: Tx): void {
    for (const row of tx.touched)
      if (row.table.name === 'webhook_deliveries') this.lookAt(row, valuesOf(row), (tx.session as Backend).owner);
  }

  private lookAt(row: Row, value: RowValue, writer?: object): void {
    const before = this.seen.get(row.id);
    const fence = Number(value('fence'));
    const dueMs = value('attempt_time') as number;
    const next: Seen = { ...(before ?? { expired: 0 }), fence, dueMs };
    if (before && fence > before.fence) this.claimed(before, next, value, writer);
    else if (before) this.settled(before, next, value, writer);
    this.seen.set(row.id, next);
  }

  private claimed(before: Seen, next: Seen, value: RowValue, writer?: object): void {
    if (before.dueMs > this.db.nowMs) this.say(value, before.claimedMs ? 'while another one held it' : 'before it was due');
    if (before.claimedMs !== undefined) next.expired += 1;
    if (Number(value('attempts')) - next.expired > this.triesMax) this.say(value, `more than ${this.triesMax} times`);
    next.holder = writer;
    next.claimedMs = this.db.kernel.nowMs;
  }

  private settled(before: Seen, next: Seen, value: RowValue, writer?: object): void {
    const name = `delivery ${value('id') as string}`;
    if (before.claimedMs === undefined || before.holder !== writer)
      this.violations.push(`${name} was settled by a replica that does not hold it`);
    const state = value('state');
    const key = bodyKey(value('body') as AlertmanagerBody);
    const taken = (this.receivers.takenAtMs.get(key) ?? []).some((atMs) => atMs >= (before.claimedMs ?? 0));
    if (state === 'delivered' && !taken) this.violations.push(`${name} is delivered and its receiver did not take it`);
    const isOver = value('status_code') === 410 || Number(value('attempts')) >= this.triesMax;
    if (state === 'failed' && !isOver) this.violations.push(`${name} was given up after ${String(value('attempts'))} tries`);
    if (state === 'failed' && value('last_error') === '') this.violations.push(`${name} failed without a reason`);
    next.claimedMs = undefined;
  }

  private say(value: RowValue, how: string): void {
    this.violations.push(`delivery ${value('id') as string} was claimed ${how}`);
  }
}
