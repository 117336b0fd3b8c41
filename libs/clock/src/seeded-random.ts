// SPDX-License-Identifier: Apache-2.0

/** Uniform numbers in [0, 1), the same for the same seed (32-bit seed, period 2^32: for tests and jitter, not for secrets). */
export function seededRandom(seed: number): () => number {
  // A Weyl sequence through a 32-bit finaliser with full avalanche (constants of MurmurHash3's fmix32).
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
    return (mixed >>> 0) / 4294967296;
  };
}
