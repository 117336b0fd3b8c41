// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from './kernel';
import type { SimKafka } from './sim-kafka';
import type { SimPostgres } from './sql/server';
import type { Tx } from './sql/store';

/** Without faults: members have joined, and a wake-up that got lost is made up for by the next poll, 5 s later at most. */
const DELIVERY_MS_MAX = 10_000;
/** What a poison event may hold its partition for: 3 tries, each far below the handler's limit here, and the back-offs between them. */
const TRIES_MAX = 3;
const TRY_MS_MAX = 1_000;
const BACK_OFFS_MS_MAX = (100 + 200) * 1.5;
const HOLD_MS_MAX = TRIES_MAX * TRY_MS_MAX + BACK_OFFS_MS_MAX;

/** When each event came to its topic, and when it had its effect or became a dead letter. */
export class DelayWatch {
  private readonly arrivedMs = new Map<string, number>();
  private readonly endedMs = new Map<string, number>();

  constructor(
    private readonly kernel: Kernel,
    private readonly kafka: SimKafka,
  ) {}

  watch(db: SimPostgres): void {
    db.onCommit = (tx) => this.look(tx);
  }

  /** Of a log in Postgres: its messages arrive when they are committed. */
  look(tx: Tx): void {
    for (const { table, versions } of tx.touched) {
      const value = (name: string): string => versions.at(-1)?.values[table.columnIndex(name)] as string;
      if (table.name === 'effects' || table.name === 'dead_letters') this.first(this.endedMs, value('event_id'));
      else if (table.name === 'messages') this.first(this.arrivedMs, (JSON.parse(value('headers')) as { ce_id: string }).ce_id);
    }
  }

  /** P4 in time, for schedules without faults: poison is put aside in time, and who waits behind it too. */
  late(poisonEvents: number): string[] {
    for (const log of this.kafka.logs.values())
      for (const { headers, time } of log)
        if (!this.arrivedMs.has(headers['ce_id'])) this.arrivedMs.set(headers['ce_id'], time.getTime());
    const boundMs = DELIVERY_MS_MAX + poisonEvents * HOLD_MS_MAX;
    return [...this.endedMs].flatMap(([id, endedMs]) => {
      const delayMs = Math.round(endedMs - (this.arrivedMs.get(id) ?? Number.NEGATIVE_INFINITY));
      return delayMs <= boundMs ? [] : [`event ${id} was handled ${delayMs} ms after it came, more than ${boundMs} ms`];
    });
  }

  private first(times: Map<string, number>, id: string): void {
    if (!times.has(id)) times.set(id, this.kernel.nowMs);
  }
}
