// SPDX-License-Identifier: Apache-2.0
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { Injectable } from '@nestjs/common';
import { DataPrepSettings } from '../config';
import { maskedText } from '../redaction/redact-text';
import { ColumnEngine } from './column-engine';
import { histogramEdges } from './distributions';
import type { ColumnProfile, Distribution, KeyProfile } from './profile';

const COLUMNS_MAX = 60;
const TOP_VALUES = 10;
const VALUE_CHARACTERS = 80;
/** Larger numbers are left out of the distribution: the sum of their squares is no double, and DuckDB refuses the whole statement. */
const NUMBER_MAX = 1e140;

export interface ColumnEngineOptions {
  memoryMegabytes: number;
  threads: number;
  /** Folder for what does not fit in memory. */
  temporaryFolder: string;
  /** Ends the query that runs. */
  signal?: AbortSignal;
}

/** Pause between two interrupts, in milliseconds: one that comes just before a query begins is lost. */
const INTERRUPT_MILLISECONDS = 200;

type SqlRow = Record<string, unknown>;

/**
 * Column numbers over a file of JSON lines, by DuckDB. Each line is loaded as ONE JSON value: DuckDB's own schema sniffing drops
 * keys that first appear late and turns late changes of type into NULLs without a count. Quantiles and distinct counts are the
 * exact functions (SUMMARIZE's approximations change with the number of threads).
 */
export async function profileColumns(
  path: string,
  keys: readonly KeyProfile[],
  options: ColumnEngineOptions,
): Promise<ColumnProfile[]> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${options.memoryMegabytes}MB`,
    threads: String(options.threads),
    temp_directory: options.temporaryFolder,
  });
  try {
    const connection = await instance.connect();
    try {
      return await interruptible(connection, options.signal, () => columnsOf(connection, path, { keys, signal: options.signal }));
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

async function columnsOf(
  connection: DuckDBConnection,
  path: string,
  { keys, signal }: { keys: readonly KeyProfile[]; signal?: AbortSignal },
): Promise<ColumnProfile[]> {
  await connection.run(
    `CREATE TABLE lines AS SELECT json AS line FROM read_ndjson_objects(${quoted(path)}, maximum_object_size = 33554432)`,
  );
  await connection.run('SET enable_external_access = false; SET lock_configuration = true');
  const columns: ColumnProfile[] = [];
  for (const key of scalarKeys(keys)) {
    signal?.throwIfAborted();
    columns.push(await profileColumn(connection, key));
  }
  return columns;
}

/** Runs queries of the connection; when aborted, interrupts them until they have ended and throws the signal's reason. */
async function interruptible<T>(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  let interrupts: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    connection.interrupt();
    interrupts = setInterval(() => connection.interrupt(), INTERRUPT_MILLISECONDS);
  };
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearInterval(interrupts);
  }
}

/** Top-level keys that hold anything but lists and objects. */
function scalarKeys(keys: readonly KeyProfile[]): KeyProfile[] {
  return keys
    .filter(
      (key) =>
        !key.path.includes('[]') &&
        Object.keys(key.types).some((type) => ['integer', 'number', 'text', 'boolean'].includes(type)),
    )
    .filter((key) => !key.path.includes('.'))
    .slice(0, COLUMNS_MAX);
}

/** The column engine of the service. */
@Injectable()
export class DuckdbColumnEngine extends ColumnEngine {
  constructor(private readonly settings: DataPrepSettings) {
    super();
  }

  profile(
    path: string,
    keys: readonly KeyProfile[],
    use: { temporaryFolder: string; signal: AbortSignal },
  ): Promise<ColumnProfile[]> {
    const { duckdbMemoryMegabytes: memoryMegabytes, duckdbThreads: threads } = this.settings;
    return profileColumns(path, keys, { memoryMegabytes, threads, ...use });
  }
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
/** JSON pointer (RFC 6901). */
const pointer = (key: string) => quoted(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<SqlRow[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}

function kindOf(key: KeyProfile): ColumnProfile['kind'] {
  const types = new Set(Object.keys(key.types).filter((type) => type !== 'null'));
  const isNumber = [...types].every((type) => type === 'integer' || type === 'number');
  if (isNumber) return 'number';
  if (types.size > 1) return 'mixed';
  return types.has('boolean') ? 'boolean' : 'text';
}

async function profileColumn(connection: DuckDBConnection, key: KeyProfile): Promise<ColumnProfile> {
  const at = pointer(key.path);
  const values = `(SELECT json_extract_string(line, ${at}) AS v, json_type(line, ${at}) AS t FROM lines) WHERE v IS NOT NULL`;
  const [distinct] = await rowsOf(connection, `SELECT count(DISTINCT v) AS n FROM ${values}`);
  const top = await rowsOf(
    connection,
    `SELECT v[1:400] AS v, count(*) AS n FROM ${values} GROUP BY ALL ORDER BY n DESC, v LIMIT ${TOP_VALUES}`,
  );
  const kind = kindOf(key);
  const numbers = kind === 'number' ? await numbersOf(connection, values) : undefined;
  return {
    name: key.path,
    kind,
    distinct: Number(distinct.n),
    top: top.map((row) => ({ value: maskedText(String(row.v), VALUE_CHARACTERS), count: Number(row.n) })),
    ...(numbers ? { numbers } : {}),
  };
}

async function numbersOf(connection: DuckDBConnection, values: string): Promise<Distribution | undefined> {
  const numbers = `(SELECT try_cast(v AS DOUBLE) AS x FROM ${values}) WHERE abs(x) <= ${NUMBER_MAX}`;
  const [row] = await rowsOf(
    connection,
    `SELECT count(*) AS n, min(x) AS low, max(x) AS high, favg(x) AS mean, stddev_pop(x) AS deviation,
       quantile_cont(x, [0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) AS q FROM ${numbers}`,
  );
  if (Number(row.n) === 0) return undefined;
  const [p5, p25, p50, p75, p95, p99] = (row.q as unknown[]).map(Number);
  const [min, max] = [Number(row.low), Number(row.high)];
  const { edges, scale } = histogramEdges(min, max, p50);
  return {
    count: Number(row.n),
    min,
    max,
    mean: Number(row.mean),
    standardDeviation: Number(row.deviation),
    quantiles: { p5, p25, p50, p75, p95, p99 },
    histogram: { edges, counts: await binCounts(connection, numbers, edges), scale },
    exact: true,
  };
}

async function binCounts(connection: DuckDBConnection, numbers: string, edges: number[]): Promise<number[]> {
  const bins = edges.length - 1;
  // The bin of x is the number of inner edges <= x.
  const inner = edges.slice(1, -1).map((edge) => `${edge}::DOUBLE`);
  const bin = inner.length > 0 ? `len(list_filter([${inner.join(', ')}], lambda e : e <= x))` : '0';
  const rows = await rowsOf(connection, `SELECT ${bin} AS bin, count(*) AS n FROM ${numbers} GROUP BY ALL`);
  const counts = new Array<number>(bins).fill(0);
  for (const row of rows) counts[Number(row.bin)] = Number(row.n);
  return counts;
}
