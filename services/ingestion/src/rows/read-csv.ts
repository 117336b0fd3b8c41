// SPDX-License-Identifier: Apache-2.0
import { pipeline, Readable } from 'node:stream';
import { parse, type CsvError } from 'csv-parse';
import { invalidFields } from '#libs/errors';
import { printableSample, type SourceRow } from './source-row';

interface CsvItem {
  row?: SourceRow;
}

/**
 * Reads CSV (RFC 4180, UTF-8, a header line). Values stay text: what looks like a number may be a code with leading zeros.
 * A record with another number of fields than the header, or broken quotes, is a fault with its line.
 * Throws INVALID_ARGUMENT when the header is missing or names a column twice.
 */
export async function* readCsv(source: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<SourceRow> {
  const skipped: SourceRow[] = [];
  const parser = parse({
    bom: true,
    columns: false,
    relax_column_count: true,
    max_record_size: lineBytesMax,
    skip_empty_lines: true,
    info: true,
    raw: false,
    skip_records_with_error: true,
    on_skip: (error?: CsvError, raw?: string) => {
      skipped.push(faultOf(error, raw));
      return undefined;
    },
  });
  pipeline(Readable.from(source), parser, () => undefined); // an error of the source ends the iteration below
  let header: string[] | undefined;
  for await (const item of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
    yield* drain(skipped);
    if (!header) {
      header = readHeader(item.record);
      continue;
    }
    yield toRow(header, item.record, item.info.lines).row as SourceRow;
  }
  yield* drain(skipped);
  if (!header) throw invalidFields({ field: 'body', message: 'a CSV file needs a header line' });
}

function* drain(skipped: SourceRow[]): Generator<SourceRow> {
  while (skipped.length > 0) yield skipped.shift() as SourceRow;
}

function readHeader(record: string[]): string[] {
  const seen = new Set<string>();
  for (const name of record) {
    if (name.trim() === '') throw invalidFields({ field: 'body', message: 'line 1: a column has no name' });
    if (seen.has(name)) throw invalidFields({ field: 'body', message: `line 1: column ${JSON.stringify(name)} is named twice` });
    seen.add(name);
  }
  return record;
}

function toRow(header: string[], record: string[], line: number): CsvItem {
  const sample = printableSample(record.join(','));
  if (record.length !== header.length) {
    const detail = `${record.length} fields, but the header has ${header.length}`;
    return { row: { line, fault: { reason: 'column_count', detail, sample } } };
  }
  const broken = record.findIndex((value) => value.includes('\uFFFD') || value.includes('\u0000'));
  if (broken >= 0) {
    const reason = record[broken].includes('\u0000') ? 'nul_byte' : 'invalid_utf8';
    return { row: { line, fault: { reason, detail: `column ${JSON.stringify(header[broken])}`, sample } } };
  }
  // A null prototype: a column named __proto__ is data like any other.
  const value = Object.assign(
    Object.create(null) as Record<string, unknown>,
    Object.fromEntries(header.map((name, i) => [name, record[i]])),
  );
  return { row: { line, json: JSON.stringify(value), value } };
}

function faultOf(error: CsvError | undefined, raw: string | undefined): SourceRow {
  const line = Number((error as { lines?: number } | undefined)?.lines ?? 0);
  const tooLong = error?.code === 'CSV_MAX_RECORD_SIZE';
  return {
    line,
    fault: {
      reason: tooLong ? 'line_too_long' : 'invalid_csv',
      detail: error?.message ?? 'broken record',
      sample: printableSample(raw ?? ''),
    },
  };
}
