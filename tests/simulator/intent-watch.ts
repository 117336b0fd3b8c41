// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from './kernel';
import { valuesOf } from './row-values';
import type { SimBackend } from './sim-backend';
import type { Backend, SimPostgres } from './sql/server';
import type { Row, Tx } from './sql/store';

interface Seen {
  state: string;
  token: number;
  leasedUntilMs?: number;
  /** The process that claimed it last. */
  holder?: object;
  /** Virtual time since which it is wanted, or not wanted any more. */
  sinceMs: number;
}

/** Looks at each commit: no claim of a held intent, no end of another's, and no end of an intent before the backend did what it says. */
export class IntentWatch {
  readonly violations: string[] = [];
  private readonly seen = new Map<number, Seen>();

  constructor(
    private readonly db: SimPostgres,
    private readonly backend: SimBackend,
    private readonly kernel: Kernel,
  ) {
    db.onCommit = (tx) => this.look(tx);
  }

  private look(tx: Tx): void {
    for (const row of tx.touched) if (row.table.name === 'deployments') this.lookAt(row, (tx.session as Backend).owner);
  }

  private lookAt(row: Row, writer?: object): void {
    const value = valuesOf(row);
    const before = this.seen.get(row.id);
    const id = value('id') as string;
    const state = value('state') as string;
    const token = Number(value('lease_token'));
    const leasedUntilMs = (value('lease_expires_at') as number | null) ?? undefined;
    if (before && token > before.token && (before.leasedUntilMs ?? 0) > this.db.nowMs)
      this.violations.push(`${id} was claimed while another replica held it`);
    const holder = before && token > before.token ? writer : before?.holder;
    if (before?.leasedUntilMs !== undefined && leasedUntilMs === undefined && writer !== holder)
      this.violations.push(`${id} was let go by a replica that does not hold it`);
    const begins = state !== before?.state && (state === 'pending' || state === 'draining');
    const sinceMs = begins ? this.kernel.nowMs : (before?.sinceMs ?? 0);
    const ends =
      state !== before?.state ? ({ ready: 'load', unloaded: 'unload' } as const)[state as 'ready' | 'unloaded'] : undefined;
    if (ends && !this.backend.done.some((done) => done.task === ends && done.id === id && done.atMs >= sinceMs))
      this.violations.push(`${id} is ${state} and the backend was not asked since it was wanted so`);
    this.seen.set(row.id, { state, token, leasedUntilMs, holder, sinceMs });
  }
}
