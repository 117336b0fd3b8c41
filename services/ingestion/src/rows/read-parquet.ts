// SPDX-License-Identifier: Apache-2.0
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { type AppError, invalidFields } from '#libs/errors';
import { holdsNul, scanJson } from './check-json';
import { printableSample, type SourceRow } from './source-row';

/** How the names of the folders begin in which uploads are kept while they are read. */
export const UPLOAD_FOLDER_PREFIX = 'parquet-';

/**
 * Reads Parquet through DuckDB. A Parquet file is read from its end, so the bytes are kept in a temporary file first and
 * removed afterwards. Rows come as JSON text made by DuckDB: 64-bit integers keep all their digits.
 * Throws INVALID_ARGUMENT for bytes that are no Parquet file, and for one of which only some rows can be read.
 */
export async function* readParquet(source: AsyncIterable<Buffer>, workDirectory: string): AsyncGenerator<SourceRow> {
  const folder = await mkdtemp(join(workDirectory, UPLOAD_FOLDER_PREFIX));
  const file = join(folder, 'upload.parquet');
  let instance: DuckDBInstance | undefined;
  try {
    await pipeline(Readable.from(source), createWriteStream(file));
    instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '512MB', temp_directory: folder });
    const connection = await instance.connect();
    try {
      yield* readRows(connection, file);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance?.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

async function* readRows(connection: Awaited<ReturnType<DuckDBInstance['connect']>>, file: string): AsyncGenerator<SourceRow> {
  let result;
  let expected: number;
  try {
    const path = file.replaceAll("'", "''");
    expected = await promisedRows(connection, path);
    result = await connection.stream(`select to_json(t)::varchar from read_parquet('${path}') t`);
  } catch (cause) {
    throw unreadable(firstLine(cause).replaceAll(file, 'the upload'));
  }
  let line = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    for (const [text] of chunk.getRows()) {
      line += 1;
      yield toRow(line, text as string);
    }
  }
  // DuckDB's stream ends in the same way after its last row and at a broken page in the middle.
  if (line !== expected) throw unreadable(`only ${line} of its ${expected} rows can be read`);
}

async function promisedRows(connection: Awaited<ReturnType<DuckDBInstance['connect']>>, path: string): Promise<number> {
  const metadata = await connection.runAndReadAll(`select sum(num_rows)::double from parquet_file_metadata('${path}')`);
  return Number(metadata.getRows()[0][0]);
}

function unreadable(why: string): AppError {
  return invalidFields({ field: 'body', message: `not a readable Parquet file: ${why}` });
}

function toRow(line: number, text: string): SourceRow {
  if (holdsNul(text))
    return { line, fault: { reason: 'nul_byte', detail: 'holds a NUL character', sample: printableSample(text) } };
  const finding = scanJson(text);
  if (finding) return { line, fault: { reason: finding.kind, detail: finding.detail, sample: printableSample(text) } };
  return { line, json: text, value: JSON.parse(text) as Record<string, unknown> };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0];
}
