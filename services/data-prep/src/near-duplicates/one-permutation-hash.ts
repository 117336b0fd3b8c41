// SPDX-License-Identifier: Apache-2.0

export const BINS = 128;
export const BANDS = 32;
const ROWS = BINS / BANDS;
/** No shingle hash is stored with this value: it marks an empty bin. */
const EMPTY = 0xffffffff;

/**
 * One-permutation MinHash: one hash per shingle picks a bin (top 7 bits) and the smallest hash of each bin is kept.
 * Empty bins borrow from a full bin chosen by a fixed pseudo-random walk of their own, so that equal sets borrow alike
 * ("Optimal Densification for Fast and Accurate Minwise Hashing", Shrivastava, ICML 2017).
 * Banded as 32 x 4: a pair of Jaccard J shares a band with probability 1 - (1 - J^4)^32, .9998 at J = .7.
 */
export class OnePermutationHash {
  private readonly bins = new Uint32Array(BINS);
  private readonly walk: Uint8Array;
  private static readonly walkLength = 1024;

  constructor() {
    this.walk = new Uint8Array(BINS * OnePermutationHash.walkLength);
    let state = 0x9e3779b9;
    for (let i = 0; i < this.walk.length; i++) {
      // xorshift32 (Marsaglia 2003); the walk only has to be fixed and well mixed
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      this.walk[i] = (state >>> 8) & (BINS - 1);
    }
  }

  /** Writes the 32 band keys of a set of at least one shingle to `keys[offset...]`. */
  bandKeys(hashes: Uint32Array, count: number, keys: Uint32Array, offset: number): void {
    const { bins } = this;
    bins.fill(EMPTY);
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      const bin = hash >>> 25;
      if (hash < bins[bin]) bins[bin] = hash;
    }
    for (let band = 0; band < BANDS; band++) {
      let key = Math.imul(band + 1, 0x9e3779b1);
      for (let row = 0; row < ROWS; row++) {
        const bin = band * ROWS + row;
        const value = bins[bin] === EMPTY ? this.borrow(bin) : bins[bin];
        key = Math.imul(key ^ value, 0x85ebca6b);
        key ^= key >>> 15;
      }
      keys[offset + band] = Math.imul(key, 0xc2b2ae35) >>> 0;
    }
  }

  private borrow(bin: number): number {
    const { bins, walk } = this;
    const start = bin * OnePermutationHash.walkLength;
    for (let step = 0; step < OnePermutationHash.walkLength; step++) {
      const value = bins[walk[start + step]];
      // The own values of the two bins stay different after the mix, so a borrowed value does not vote twice as one.
      if (value !== EMPTY) return value ^ Math.imul(step + 1, 0x27d4eb2f);
    }
    // 1,024 draws that all miss: 3e-4 with a single full bin. A linear scan is as good and always ends.
    for (let i = 1; i < BINS; i++) {
      const value = bins[(bin + i) & (BINS - 1)];
      if (value !== EMPTY) return value;
    }
    return 0;
  }
}
