// SPDX-License-Identifier: Apache-2.0

/** Seeds that once failed, or that catch a mutation; they run for ever. */
export const PINNED_SEEDS: readonly number[] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 82, 89, 97, 159];
