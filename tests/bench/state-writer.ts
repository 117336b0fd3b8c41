// SPDX-License-Identifier: Apache-2.0
// What bench:outbox measures: transactions that change the state of some aggregates and write one event about each change.
import type { EventDefinition } from '#libs/contracts';
import type { EventPublisher } from '#libs/messaging';
import type { Persistence } from '#libs/persistence';

export interface Change {
  /** The aggregate's version after the change: counts up by one, without gaps. */
  version: number;
  /** When the writer wanted the change, before it had a connection; performance.now() of this process. */
  wantedMs: number;
  text: string;
}

export const TOPIC = 'registry.alias.v1';

export const Changed: EventDefinition<Change> = {
  type: 'millrace.bench.changed.v1',
  topic: TOPIC,
  toJSON: (data) => data,
  fromJSON: (json) => json as Change,
};

const AGGREGATES_PER_WRITER = 100;
const TEXT = 'x'.repeat(100);

/** Each writer changes aggregates of its own, one after the other, so that writers do not wait for each other's rows. */
export class StateWriter {
  private readonly next = new Map<number, number>();

  constructor(
    private readonly persistence: Persistence,
    private readonly publisher: EventPublisher,
  ) {}

  async createState(writers: number): Promise<void> {
    const { database } = this.persistence;
    await database.query('create table bench_state (id text primary key, version integer not null, content text not null)');
    await database.query(
      `insert into bench_state
       select writer || '-' || n, 0, '' from generate_series(0, $1::int - 1) writer, generate_series(0, $2::int - 1) n`,
      [writers, AGGREGATES_PER_WRITER],
    );
  }

  /** One transaction: `count` aggregates changed, `count` events. */
  commit(writer: number, count: number): Promise<void> {
    const wantedMs = performance.now();
    const from = this.next.get(writer) ?? 0;
    this.next.set(writer, (from + count) % AGGREGATES_PER_WRITER);
    const ids = Array.from({ length: count }, (_, n) => `${writer}-${(from + n) % AGGREGATES_PER_WRITER}`);
    return this.persistence.unitOfWork.run(async (tx) => {
      // Locked in one order: two transactions of the same aggregates wait for each other instead of deadlocking.
      const changed = await tx.query<{ id: string; version: number }>(
        `with mine as (select id from bench_state where id = any($1::text[]) order by id for update)
         update bench_state state set version = version + 1, content = $2 from mine where state.id = mine.id
         returning state.id, state.version`,
        [ids, TEXT],
      );
      const events = changed.map(({ id, version }) => ({
        workspace: 'bench',
        aggregateId: id,
        aggregateVersion: version,
        data: { version, wantedMs, text: TEXT },
      }));
      await this.publisher.publishMany(tx, Changed, events);
    });
  }

  /** What the database says: changes of state, and events about them. */
  async counts(): Promise<{ changes: number; events: number }> {
    const [row] = await this.persistence.database.query<{ changes: string; events: string }>(
      'select (select sum(version) from bench_state) as changes, (select count(*) from outbox) as events',
    );
    return { changes: Number(row.changes), events: Number(row.events) };
  }
}
