// SPDX-License-Identifier: Apache-2.0
import { slicesOf } from './slices-of';

const MIB = 1024 * 1024;

it.each([
  { sizes: [], slices: [] },
  { sizes: [1, 1, 0.5], slices: [[1, 1], [0.5]] },
  { sizes: [0.5, 3, 0.5, 0.5], slices: [[0.5], [3], [0.5, 0.5]] },
])('slices $sizes MiB', ({ sizes, slices }) => {
  expect([...slicesOf<number>(sizes, (size) => size * MIB)]).toEqual(slices);
});
