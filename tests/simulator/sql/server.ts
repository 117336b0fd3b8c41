// SPDX-License-Identifier: Apache-2.0
import type { Kernel } from '../kernel';
import { type Ast, open, parseFunction, parseSql, Unsupported } from './ast';
import { Schema } from './schema';
import { type Context, type Host, LookAgain, MustWait, type Row, SqlError, type Table, Tx, vacuum } from './store';
import { toDriver } from './values';
import type { Subselect } from './shapes';

/** A connection as the server sees it. */
export class Backend {
  tx?: Tx;
  /** In a failed transaction everything but ROLLBACK is refused. */
  failed = false;
  explicit = false;
  open = true;
  lastActiveMs = 0;
  statementTimeoutMs = 10_000;
  idleTimeoutMs?: number;
  readonly channels = new Set<string>();
  readonly locks = new Set<string>();
  /** The process at the other end; for checks that ask who wrote something. */
  owner?: object;
  waiting?: { on: MustWait; again: () => void; fail: (error: SqlError) => void };

  constructor(
    readonly onNotice: (channel: string, payload: string) => void,
    readonly onEnd: (error: SqlError) => void,
  ) {}
}

export interface Answer {
  rows: Record<string, unknown>[];
  command: string;
}

type Reply = (error: SqlError | undefined, answer?: Answer) => void;

const IDLE_IN_TRANSACTION_MS = 15_000;

/**
 * Postgres as far as messaging, event log and leases use it: read committed with snapshots, row locks, unique conflicts that wait,
 * advisory locks, notices, timeouts, sessions that end. A statement happens at one instant, or takes its snapshot first and its
 * locks later, which is where Postgres shows a statement two states of the world.
 */
export class SimPostgres implements Host {
  private readonly tables: Map<string, Table>;
  private readonly backends = new Set<Backend>();
  private readonly advisory = new Map<string, { backend: Backend; count: number }>();
  private readonly waiters = new Set<Backend>();
  private readonly snapshots = new Set<Context>();
  private commits = 0;
  private wallOffsetMs = 0;
  down = false;
  /** Test hook: called after each commit, before anybody hears of it. */
  onCommit?: (tx: Tx) => void;

  constructor(
    readonly kernel: Kernel,
    readonly name: string,
    private readonly schema: Schema,
    private readonly patch: (sql: string) => string = (sql) => sql,
  ) {
    this.tables = schema.newTables();
  }

  get nowMs(): number {
    return Date.UTC(2026, 0, 1) + this.kernel.nowMs + this.wallOffsetMs;
  }

  jumpWall(ms: number): void {
    this.wallOffsetMs += ms;
  }

  connect(backend: Backend): void {
    backend.lastActiveMs = this.kernel.nowMs;
    this.backends.add(backend);
    this.watch(backend);
  }

  /** The server ends a session: rolls back, frees its locks, and tells the client if the link lets it. */
  end(backend: Backend, error = fatal('57P01', 'terminating connection')): void {
    if (!backend.open) return;
    backend.open = false;
    this.backends.delete(backend);
    this.rollBack(backend);
    for (const key of [...backend.locks]) this.unlock(key, backend);
    const { waiting } = backend;
    backend.waiting = undefined;
    this.waiters.delete(backend);
    waiting?.fail(error);
    backend.onEnd(error);
  }

  /** All sessions end and the server is away for a while; what was committed stays. */
  crash(downMs: number): void {
    this.down = true;
    for (const backend of [...this.backends]) this.end(backend, fatal('57P02', 'the server crashed'));
    this.kernel.hop(downMs, () => {
      this.down = false;
    });
  }

  /** Ends a random session, as pg_terminate_backend does. */
  terminateOne(): void {
    const all = [...this.backends];
    const victim = all[Math.floor(this.kernel.random() * all.length)];
    if (victim) this.end(victim);
  }

  execute(backend: Backend, text: string, params: readonly unknown[], reply: Reply): void {
    if (!backend.open) return reply(fatal('57P01', 'the session is over'));
    backend.lastActiveMs = this.kernel.nowMs;
    const statements = this.schema.parse(this.patch(text));
    const next = (index: number, last?: Answer): void => {
      if (index === statements.length) return reply(undefined, last);
      this.statement(backend, statements[index], params, (error, answer) => (error ? reply(error) : next(index + 1, answer)));
    };
    next(0);
  }

  /** All rows of a table as the last commits left them, for the checker; it asks often, so it may name the columns that it looks at. */
  dump(name: string, only?: readonly string[]): Record<string, unknown>[] {
    const table = this.table(name);
    const columns = table.columns.flatMap((column, i) => (only && !only.includes(column.name) ? [] : [{ ...column, i }]));
    const rows = [...table.rows].flatMap((row) =>
      row.versions.filter((v) => v.madeBy.commitSequence !== undefined && v.endedBy?.commitSequence === undefined).slice(-1),
    );
    return rows.map(({ values }) =>
      Object.fromEntries(columns.map((column) => [column.name, toDriver(values[column.i], column.type)])),
    );
  }

  openBackends(): number {
    return this.backends.size;
  }

  table(name: string): Table {
    const table = this.tables.get(name);
    if (!table) throw new SqlError('42P01', `table ${name} does not exist`);
    return table;
  }

  advisoryLock(key: string, ctx: Context, options: { wait: boolean; untilTxEnds: boolean }): boolean {
    const backend = ctx.tx.session as Backend;
    const held = this.advisory.get(key);
    if (held && held.backend !== backend) {
      if (options.wait) throw new MustWait(undefined, key);
      return false;
    }
    if (held) held.count += 1;
    else this.advisory.set(key, { backend, count: 1 });
    if (options.untilTxEnds) ctx.tx.advisory.push(key);
    else backend.locks.add(key);
    return true;
  }

  callFunction(name: string, args: unknown[], ctx: Context): unknown {
    return this.schema.call(name, args, ctx);
  }

  private unlock(key: string, backend: Backend): void {
    const held = this.advisory.get(key);
    if (!held || held.backend !== backend) return;
    this.advisory.delete(key);
    backend.locks.delete(key);
    this.wake((on) => on.forLock === key);
  }

  private statement(backend: Backend, node: Ast, params: readonly unknown[], reply: Reply): void {
    const [kind, fields] = open(node);
    if (kind === 'TransactionStmt') return this.control(backend, fields, reply);
    if (kind === 'VariableSetStmt') {
      if (fields.name === 'statement_timeout') backend.statementTimeoutMs = Number(fields.args[0].A_Const.ival.ival);
      return reply(undefined, { rows: [], command: 'SET' });
    }
    if (kind === 'ListenStmt') {
      backend.channels.add(fields.conditionname as string);
      return reply(undefined, { rows: [], command: 'LISTEN' });
    }
    if (backend.failed) return reply(new SqlError('25P02', 'current transaction is aborted'));
    backend.tx ??= new Tx(backend, this.nowMs);
    const plan = this.schema.plan(node);
    const ctx: Context = {
      tx: backend.tx,
      params,
      snapshot: this.commits,
      recheck: new Set(),
      ctes: new Map(),
      clockMs: this.nowMs,
      host: this,
    };
    const run = (): void => this.attempt(backend, plan, ctx, reply);
    // Now and then a statement's snapshot is older than its locks.
    if (!this.kernel.chance(0.05)) return run();
    this.snapshots.add(ctx);
    this.kernel.hop(this.kernel.between(0, 5), () => {
      this.snapshots.delete(ctx);
      if (backend.open) run();
    });
  }

  private attempt(backend: Backend, plan: Subselect, ctx: Context, reply: Reply): void {
    const tx = ctx.tx;
    const mark = tx.undo.length;
    tx.statement += 1;
    ctx.clockMs = this.nowMs;
    try {
      const rows = plan
        .rows(ctx)
        .map((row) => Object.fromEntries(plan.columns.map((column, i) => [column.name, toDriver(row[i], column.type)])));
      if (!backend.explicit) this.commit(backend);
      reply(undefined, { rows, command: 'SELECT' });
    } catch (thrown) {
      while (tx.undo.length > mark) tx.undo.pop()?.();
      if (thrown instanceof LookAgain) return this.attempt(backend, plan, ctx, reply);
      if (thrown instanceof MustWait)
        return this.wait(backend, thrown, { again: () => this.attempt(backend, plan, ctx, reply), reply, ctx });
      if (!(thrown instanceof SqlError)) throw thrown;
      this.failStatement(backend);
      reply(thrown);
    }
  }

  private failStatement(backend: Backend): void {
    if (backend.explicit) backend.failed = true;
    else this.rollBack(backend);
  }

  private wait(backend: Backend, on: MustWait, { again, reply, ctx }: { again: () => void; reply: Reply; ctx: Context }): void {
    this.snapshots.add(ctx);
    const leave = (): void => {
      backend.waiting = undefined;
      this.waiters.delete(backend);
      this.snapshots.delete(ctx);
      cancel();
    };
    const fail = (error: SqlError): void => {
      leave();
      this.failStatement(backend);
      reply(error);
    };
    const cancel = this.kernel.hop(backend.statementTimeoutMs, () =>
      fail(new SqlError('57014', 'canceling statement due to statement timeout')),
    );
    const resume = (): void => {
      leave();
      again();
    };
    backend.waiting = { on, again: resume, fail };
    this.waiters.add(backend);
    if (this.isDeadlock(backend)) fail(new SqlError('40P01', 'deadlock detected'));
  }

  private isDeadlock(start: Backend): boolean {
    let at: Backend | undefined = start;
    for (let hops = 0; hops < 20 && at?.waiting; hops += 1) {
      const { forTx, forLock }: MustWait = at.waiting.on;
      at = forTx ? (forTx.session as Backend) : this.advisory.get(forLock ?? '')?.backend;
      if (at === start) return true;
    }
    return false;
  }

  private wake(about: (on: MustWait) => boolean): void {
    for (const backend of [...this.waiters]) {
      const { waiting } = backend;
      if (waiting && about(waiting.on))
        this.kernel.hop(this.kernel.between(0, 1), () => backend.waiting === waiting && waiting.again());
    }
  }

  private control(backend: Backend, fields: Ast, reply: Reply): void {
    if (fields.kind === 'TRANS_STMT_BEGIN') {
      if (JSON.stringify(fields.options ?? []).includes('serializable')) throw new Unsupported('serializable');
      backend.tx = new Tx(backend, this.nowMs);
      backend.explicit = true;
      return reply(undefined, { rows: [], command: 'BEGIN' });
    }
    const commits = fields.kind === 'TRANS_STMT_COMMIT' && !backend.failed;
    if (commits) this.commit(backend);
    else this.rollBack(backend);
    reply(undefined, { rows: [], command: commits ? 'COMMIT' : 'ROLLBACK' });
  }

  private commit(backend: Backend): void {
    const { tx } = backend;
    if (!tx) return;
    this.commits += 1;
    tx.commitSequence = this.commits;
    this.onCommit?.(tx);
    this.finish(backend, tx);
    for (const { channel, payload } of dedupe(tx.notices)) {
      for (const listener of this.backends) if (listener.channels.has(channel)) listener.onNotice(channel, payload);
    }
  }

  private rollBack(backend: Backend): void {
    const { tx } = backend;
    if (!tx) return;
    while (tx.undo.length > 0) tx.undo.pop()?.();
    this.finish(backend, tx);
  }

  private finish(backend: Backend, tx: Tx): void {
    tx.ended = true;
    backend.tx = undefined;
    backend.explicit = false;
    backend.failed = false;
    backend.statementTimeoutMs = 10_000;
    backend.lastActiveMs = this.kernel.nowMs;
    for (const row of tx.locked) row.lockedBy = undefined;
    for (const key of tx.advisory) this.unlock(key, backend);
    const oldest = Math.min(this.commits, ...[...this.snapshots].map((ctx) => ctx.snapshot));
    for (const row of tx.touched) vacuum(row, oldest);
    this.wake((on) => on.forTx === tx);
  }

  /** idle_in_transaction_session_timeout and idle_session_timeout. */
  private watch(backend: Backend): void {
    if (!backend.open) return;
    const limitMs = backend.explicit ? IDLE_IN_TRANSACTION_MS : (backend.idleTimeoutMs ?? Number.POSITIVE_INFINITY);
    const idleMs = backend.waiting ? 0 : this.kernel.nowMs - backend.lastActiveMs;
    if (idleMs >= limitMs) return this.end(backend, fatal(backend.explicit ? '25P03' : '57P05', 'idle for too long'));
    this.kernel.hop(5_000, () => this.watch(backend));
  }
}

const dedupe = (notices: readonly { channel: string; payload: string }[]) => [
  ...new Map(notices.map((notice) => [`${notice.channel} ${notice.payload}`, notice])).values(),
];

export function fatal(code: string, message: string): SqlError {
  const error = new SqlError(code, message);
  error.severity = 'FATAL';
  return error;
}

export type { Row };
export { parseFunction, parseSql };
