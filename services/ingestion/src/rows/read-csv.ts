// SPDX-License-Identifier: Apache-2.0
import { pipeline, Readable } from 'node:stream';
import { parse, type CsvError } from 'csv-parse';
import { invalidFields } from '#libs/errors';
import { printableSample, type SourceRow } from './source-row';

interface CsvRecord {
  record: string[];
  info: { lines: number };
}
/** What comes out of the parser: a record, or the fault of one that it skipped, in the order of the file. */
type CsvItem = CsvRecord | Required<Pick<SourceRow, 'line' | 'fault'>>;

/**
 * Reads CSV (RFC 4180, UTF-8, a header line). Values stay text: what looks like a number may be a code with leading zeros.
 * A record with another number of fields than the header, or broken quotes, is a fault with its line.
 * Throws INVALID_ARGUMENT when the header is missing or names a column twice.
 */
export async function* readCsv(source: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<SourceRow> {
  const parser = parse({
    bom: true,
    columns: false,
    relax_column_count: true,
    max_record_size: lineBytesMax,
    skip_empty_lines: true,
    info: true,
    raw: false,
    skip_records_with_error: true,
    // Through the parser itself: aside they would pile up without a bound in a file of which no record is good.
    on_skip: (error?: CsvError, raw?: string) => {
      parser.push(faultOf(error, raw));
      return undefined;
    },
  });
  pipeline(Readable.from(source), parser, () => undefined); // an error of the source ends the iteration below
  let header: string[] | undefined;
  for await (const item of parser as AsyncIterable<CsvItem>) {
    if ('fault' in item) yield item;
    else if (header) yield toRow(header, item.record, item.info.lines);
    else header = readHeader(item.record);
  }
  if (!header) throw invalidFields({ field: 'body', message: 'a CSV file needs a header line' });
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

function toRow(header: string[], record: string[], line: number): SourceRow {
  const sample = printableSample(record.join(','));
  if (record.length !== header.length) {
    const detail = `${record.length} fields, but the header has ${header.length}`;
    return { line, fault: { reason: 'column_count', detail, sample } };
  }
  const broken = record.findIndex((value) => value.includes('\uFFFD') || value.includes('\u0000'));
  if (broken >= 0) {
    const reason = record[broken].includes('\u0000') ? 'nul_byte' : 'invalid_utf8';
    return { line, fault: { reason, detail: `column ${JSON.stringify(header[broken])}`, sample } };
  }
  // A null prototype: a column named __proto__ is data like any other.
  const value = Object.assign(
    Object.create(null) as Record<string, unknown>,
    Object.fromEntries(header.map((name, i) => [name, record[i]])),
  );
  return { line, json: JSON.stringify(value), value };
}

function faultOf(error: CsvError | undefined, raw: string | undefined): CsvItem {
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
