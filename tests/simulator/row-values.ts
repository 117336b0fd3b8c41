// SPDX-License-Identifier: Apache-2.0
import type { Row } from './sql/store';

export type RowValue = (column: string) => unknown;

/** The newest values of a row, by column. */
export function valuesOf(row: Row): RowValue {
  const values = row.versions.at(-1)?.values ?? [];
  return (column) => values[row.table.columnIndex(column)];
}
