// SPDX-License-Identifier: Apache-2.0

/** Of texts that are in memory together, beyond one item's own. */
const BYTES_TOGETHER_MAX = 2 * 1024 * 1024;

/** Items in slices of 2 MiB by `bytesOf`, in order: for rows whose texts do not fit into memory all together. A larger one is alone. */
export function* slicesOf<T>(items: readonly T[], bytesOf: (item: T) => number): Generator<T[]> {
  let slice: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const itemBytes = bytesOf(item);
    if (slice.length > 0 && bytes + itemBytes > BYTES_TOGETHER_MAX) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(item);
    bytes += itemBytes;
  }
  if (slice.length > 0) yield slice;
}
