// SPDX-License-Identifier: Apache-2.0
import {
  mapDriverError,
  PersistenceErrors,
  type Connection,
  type Connections,
  type OpenSession,
  type Queryable,
} from '#libs/persistence';
import type { SimProcess } from './kernel';
import { Backend, fatal, type Answer, type SimPostgres } from './sql/server';

const QUERY_TIMEOUT_MS = 15_000;
const POOL_WAIT_MS = 2_000;

const lostConnection = (): Error => new Error('Connection terminated unexpectedly');

/** The driver's end of one connection between a process and a server. What it throws is what pg throws. */
class Wire {
  broken = false;
  readonly backend: Backend;
  private readonly inFlight = new Set<(error: Error) => void>();

  constructor(
    private readonly process: SimProcess,
    private readonly server: SimPostgres,
    on: { notice?: (channel: string, payload: string) => void; lost?: (error: Error) => void } = {},
  ) {
    const { kernel } = process;
    this.backend = new Backend(
      (channel, payload) => {
        // Notices only save time, so losing one must do no harm.
        if (process.cutForMs(server.name) === 0 && !kernel.chance(0.1))
          process.deliver(kernel.between(0, 3), () => !this.broken && on.notice?.(channel, payload));
      },
      (error) => process.deliver(process.cutForMs(server.name) + kernel.between(0, 5), () => this.breakWith(error, on.lost)),
    );
    this.backend.owner = process;
    process.onDeath.push(() => this.hangUp());
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = this.process.clock.timer(5_000, () => reject(new Error('timeout expired')));
      this.process.request(this.server.name, (answer) => {
        if (this.server.down)
          return answer(() => (late(), reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))));
        this.server.connect(this.backend);
        answer(() => (late(), resolve()));
      });
    });
  }

  query(sql: string, params: readonly unknown[] = [], timeoutMs = QUERY_TIMEOUT_MS): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.broken) return reject(lostConnection());
      const settle = (fn: () => void): void => {
        if (!this.inFlight.delete(fail)) return;
        late();
        fn();
      };
      const fail = (error: Error): void => settle(() => reject(error));
      this.inFlight.add(fail);
      const late = this.process.clock.timer(timeoutMs, () => {
        fail(new Error('Query read timeout'));
      });
      const lose = this.process.loseAnswers.has(this.process.calls + 1) || (sql === 'commit' && this.losesCommit());
      this.process.request(this.server.name, (answer) => {
        this.server.execute(this.backend, sql, params, (error, result) => {
          if (lose) return this.server.end(this.backend);
          if (error?.severity === 'FATAL' && !this.backend.open) return;
          answer(() => settle(() => (error ? reject(error) : resolve(result as Answer))));
        });
      });
    });
  }

  private losesCommit(): boolean {
    this.process.commits += 1;
    return this.process.loseCommits.has(this.process.commits);
  }

  /** The client closes its end; the server hears of it when the link is up. */
  hangUp(): void {
    this.broken = true;
    const { kernel } = this.process;
    kernel.after(this.process.cutForMs(this.server.name) + kernel.between(0, 5), () =>
      this.server.end(this.backend, fatal('08006', 'client gone')),
    );
  }

  private breakWith(error: Error, lost?: (error: Error) => void): void {
    const told = this.broken;
    this.broken = true;
    for (const fail of [...this.inFlight]) fail(this.process.kernel.chance(0.5) ? error : lostConnection());
    if (!told) lost?.(error);
  }
}

/** Statements that are there before anything goes wrong: no network, no process. */
export function preparing(server: SimPostgres): Queryable {
  const backend = new Backend(
    () => undefined,
    () => undefined,
  );
  server.connect(backend);
  return {
    query: <Row>(sql: string, params: unknown[] = []) =>
      new Promise<Row[]>((resolve, reject) => {
        server.execute(backend, sql, params, (error, answer) => (error ? reject(error) : resolve(answer?.rows as Row[])));
      }),
  };
}

/** A pool of simulated connections. */
export class SimConnections implements Connections {
  readonly statementTimeoutMs = 10_000;
  private readonly idle: Wire[] = [];
  private used = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly process: SimProcess,
    private readonly server: SimPostgres,
    private readonly size = 5,
  ) {}

  async acquire(): Promise<Connection> {
    if (this.used >= this.size) await this.turn();
    else this.used += 1;
    let wire = this.idle.pop();
    while (wire?.broken) wire = this.idle.pop();
    if (!wire) {
      wire = new Wire(this.process, this.server);
      try {
        await wire.connect();
      } catch (error) {
        wire.hangUp();
        this.give();
        throw mapDriverError(error);
      }
    }
    return this.lend(wire);
  }

  private lend(wire: Wire): Connection {
    let broken = false;
    return {
      get isBroken() {
        return broken || wire.broken;
      },
      discard: () => (broken = true),
      query: async (sql, params, timeoutMs) => {
        try {
          return await wire.query(sql, params, timeoutMs);
        } catch (error) {
          if ((error as { severity?: string }).severity !== 'ERROR') broken = true;
          throw mapDriverError(error);
        }
      },
      release: () => {
        if (broken || wire.broken) wire.hangUp();
        else this.idle.push(wire);
        this.give();
      },
    };
  }

  private turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const mine = (): void => {
        late();
        resolve();
      };
      const late = this.process.clock.timer(POOL_WAIT_MS, () => {
        this.waiting.splice(this.waiting.indexOf(mine), 1);
        reject(PersistenceErrors.POOL_EXHAUSTED('all database connections are in use'));
      });
      this.waiting.push(mine);
    });
  }

  private give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.used -= 1;
  }
}

/** Sessions for the relay's lead and for notices. */
export function simSessions(process: SimProcess, server: SimPostgres): OpenSession {
  return async (options) => {
    const wire = new Wire(process, server, { notice: options.onNotice, lost: options.onLost });
    wire.backend.idleTimeoutMs = options.idleTimeoutMs;
    try {
      await wire.connect();
    } catch (error) {
      wire.hangUp();
      throw error;
    }
    return { query: (sql, params) => wire.query(sql, params, options.queryTimeoutMs), end: async () => wire.hangUp() };
  };
}
