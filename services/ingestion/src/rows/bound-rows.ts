// SPDX-License-Identifier: Apache-2.0
import { DatasetErrors } from '../datasets/datasets.errors';
import { printableSample, type SourceRow } from './source-row';

export interface RowBounds {
  /** Largest row as JSON, in bytes; a longer one is quarantined. */
  rowBytesMax: number;
  /** All rows as JSON together, in bytes. */
  bytesMax: number;
}

/**
 * Bounds what rows grow to that a format writes shorter than JSON: a Parquet file of a few KiB may hold a value a million times, and
 * each line of a CSV file repeats its header. Throws INGESTION.UPLOAD_TOO_LARGE.
 */
export async function* boundRows(
  rows: AsyncIterable<SourceRow>,
  { rowBytesMax, bytesMax }: RowBounds,
): AsyncGenerator<SourceRow> {
  let total = 0;
  for await (const row of rows) {
    const bytes = row.json === undefined ? 0 : Buffer.byteLength(row.json);
    if (bytes > rowBytesMax) {
      const detail = `${bytes} bytes as JSON; at most ${rowBytesMax} are accepted`;
      yield { line: row.line, fault: { reason: 'line_too_long', detail, sample: printableSample(row.json as string) } };
      continue;
    }
    total += bytes;
    if (total > bytesMax) throw DatasetErrors.UPLOAD_TOO_LARGE(`the rows of an upload have at most ${bytesMax} bytes as JSON`);
    yield row;
  }
}
