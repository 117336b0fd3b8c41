// SPDX-License-Identifier: Apache-2.0

/** Events of one read: payloads, and what is made of them on the way, are in memory together. */
const BYTES_MAX = 8 * 1024 * 1024;
const ROWS_FIRST = 32;
const GROWTH = 4;

/**
 * How many rows to read at once so that they hold about 8 MiB together: what a row holds is known from those read last. Starts with
 * few, because what waits after an outage may be large. Where large rows follow small ones, one read may hold more.
 */
export class ReadPace {
  private rows: number;

  constructor(private readonly rowsMax: number) {
    this.rows = Math.min(ROWS_FIRST, rowsMax);
  }

  /** Rows of the next read, 1 to `rowsMax`. */
  get next(): number {
    return this.rows;
  }

  /** What the last read gave: UTF-16 units or bytes of each row's payload. */
  saw(lengths: readonly number[]): void {
    if (lengths.length === 0) return;
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    const fitting = Math.floor(BYTES_MAX / Math.max(1, mean));
    this.rows = Math.max(1, Math.min(this.rowsMax, fitting, this.rows * GROWTH));
  }
}
