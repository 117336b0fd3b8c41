// SPDX-License-Identifier: Apache-2.0
import { textOf, type Type } from './values';

export interface Column {
  name: string;
  type: Type;
  notNull: boolean;
  identity: boolean;
  default?: (ctx: Context) => unknown;
}

/** A transaction. `commitSequence` orders the commits; undefined while it runs or when it was rolled back. */
export class Tx {
  commitSequence?: number;
  ended = false;
  /** Number of its running statement: a statement does not see its own changes. */
  statement = 0;
  readonly undo: (() => void)[] = [];
  readonly locked = new Set<Row>();
  readonly touched = new Set<Row>();
  readonly advisory: string[] = [];
  readonly notices: { channel: string; payload: string }[] = [];

  constructor(
    readonly session: object,
    readonly startMs: number,
  ) {}
}

export interface Version {
  values: unknown[];
  madeBy: Tx;
  madeIn: number;
  endedBy?: Tx;
  endedIn: number;
}

export class Row {
  private static made = 0;
  /** Stands for its ctid; the last value of every version. */
  readonly id = (Row.made += 1);
  readonly versions: Version[] = [];
  lockedBy?: Tx;

  constructor(readonly table: Table) {}
}

export interface UniqueKey {
  name: string;
  columns: number[];
  rows: Map<string, Set<Row>>;
  /** Of a partial index: which rows are in it. */
  covers?: (values: unknown[]) => boolean;
}

export interface Check {
  name: string;
  holds: (values: unknown[], ctx: Context) => unknown;
}

export class Table {
  readonly rows = new Set<Row>();
  readonly keys: UniqueKey[] = [];
  readonly checks: Check[] = [];
  nextIdentity = 1;

  constructor(
    readonly name: string,
    readonly columns: Column[],
  ) {}

  columnIndex(name: string): number {
    return this.columns.findIndex((column) => column.name === name);
  }
}

/** What one execution of one statement sees. */
export interface Context {
  tx: Tx;
  params: readonly unknown[];
  snapshot: number;
  /** Rows that changed after the snapshot and are looked at anew, as Postgres does after waiting for a row (EvalPlanQual). */
  recheck: Set<Row>;
  ctes: Map<string, unknown[][]>;
  clockMs: number;
  variables?: Map<string, { type: Type; value: unknown }>;
  host: Host;
}

/** What statements ask of the server around them. */
export interface Host {
  table(name: string): Table;
  advisoryLock(key: string, ctx: Context, options: { wait: boolean; untilTxEnds: boolean }): boolean;
  callFunction(name: string, args: unknown[], ctx: Context): unknown;
}

/** An error as Postgres sends it; `severity` and `code` are what the driver shows. */
export class SqlError extends Error {
  severity = 'ERROR';

  constructor(
    readonly code: string,
    message: string,
    readonly constraint?: string,
  ) {
    super(message);
  }
}

/** The statement has to wait until this transaction ends or this advisory lock is free; it begins again then. */
export class MustWait extends Error {
  constructor(
    readonly forTx?: Tx,
    readonly forLock?: string,
  ) {
    super('must wait');
  }
}

/** The statement met a row that changed after its snapshot; it begins again and looks at that row's newest version. */
export class LookAgain extends Error {}

export function visibleVersion(row: Row, ctx: Context): Version | undefined {
  const { tx } = ctx;
  const snapshot = ctx.recheck.has(row) ? Number.POSITIVE_INFINITY : ctx.snapshot;
  for (let i = row.versions.length - 1; i >= 0; i -= 1) {
    const version = row.versions[i];
    const { madeBy, endedBy } = version;
    const made = madeBy === tx ? version.madeIn < tx.statement : (madeBy.commitSequence ?? Infinity) <= snapshot;
    if (!made || (madeBy !== tx && madeBy.commitSequence === undefined)) continue;
    if (!endedBy) return version;
    const ended =
      endedBy === tx
        ? version.endedIn < tx.statement
        : endedBy.commitSequence !== undefined && endedBy.commitSequence <= snapshot;
    return ended ? undefined : version;
  }
  return undefined;
}

/** Locks a row for change. `skip` gives false instead of waiting. */
export function lockRow(row: Row, version: Version, ctx: Context, skip: boolean): boolean {
  const { tx } = ctx;
  if (row.lockedBy && row.lockedBy !== tx) {
    if (skip) return false;
    ctx.recheck.add(row);
    throw new MustWait(row.lockedBy);
  }
  if (version.endedBy !== undefined && version.endedBy !== tx) {
    ctx.recheck.add(row);
    throw new LookAgain();
  }
  if (!row.lockedBy) {
    row.lockedBy = tx;
    tx.locked.add(row);
  }
  return true;
}

/** Ends a version and puts a new one in its place; `values` undefined deletes. The row must be locked. */
export function replaceVersion(row: Row, version: Version, values: unknown[] | undefined, ctx: Context): void {
  const { tx } = ctx;
  version.endedBy = tx;
  version.endedIn = tx.statement;
  tx.touched.add(row);
  tx.undo.push(() => {
    version.endedBy = undefined;
  });
  if (values) addVersion(row, values, ctx);
}

export function addVersion(row: Row, values: unknown[], ctx: Context): void {
  const { tx } = ctx;
  values[row.table.columns.length] = row.id;
  const version: Version = { values, madeBy: tx, madeIn: tx.statement, endedIn: 0 };
  row.versions.push(version);
  tx.touched.add(row);
  for (const key of row.table.keys) index(key, keyText(key, values), row);
  tx.undo.push(() => {
    row.versions.splice(row.versions.indexOf(version), 1);
    if (row.versions.length === 0) row.table.rows.delete(row);
  });
}

function index(key: UniqueKey, text: string | undefined, row: Row): void {
  if (text === undefined) return;
  const rows = key.rows.get(text);
  if (rows) rows.add(row);
  else key.rows.set(text, new Set([row]));
}

export function keyText(key: UniqueKey, values: unknown[]): string | undefined {
  if (key.covers && !key.covers(values)) return undefined;
  let text = '';
  for (const column of key.columns) {
    const value = values[column];
    if (value === null || value === undefined) return undefined; // nulls are distinct
    text += `${textOf(value)}\u0001`;
  }
  return text;
}

/** The living row that has this key already, other than `self`. Waits for transactions that may make or remove one. */
export function conflicting(key: UniqueKey, values: unknown[], self: Row | undefined, ctx: Context): Row | undefined {
  const text = keyText(key, values);
  if (text === undefined) return undefined;
  for (const row of key.rows.get(text) ?? []) {
    if (row === self) continue;
    const version = row.versions.at(-1);
    if (!version || keyText(key, version.values) !== text) continue;
    const { madeBy, endedBy } = version;
    if (madeBy !== ctx.tx && !madeBy.ended) throw new MustWait(madeBy);
    if (endedBy && endedBy !== ctx.tx && !endedBy.ended) throw new MustWait(endedBy);
    if (!endedBy) return row;
  }
  return undefined;
}

/** Removes versions that nobody can see any more. */
export function vacuum(row: Row, oldestSnapshot: number): void {
  while (row.versions.length > 0) {
    const ended = row.versions[0].endedBy?.commitSequence;
    if (ended === undefined || ended > oldestSnapshot) return;
    const [version] = row.versions.splice(0, 1);
    for (const key of row.table.keys) {
      const text = keyText(key, version.values);
      if (text !== undefined && !row.versions.some((other) => keyText(key, other.values) === text)) {
        key.rows.get(text)?.delete(row);
      }
    }
  }
  row.table.rows.delete(row);
}
