// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto';

const BUCKETS = 256;
const BUCKET_SLOTS_FIRST = 8;
/** A bucket fuller than this grows by half. */
const FILL_MAX = 0.85;

/**
 * The row ids of one upload, each as 64 bits of its sha256: 9 to 15 bytes per id outside the heap, whatever its length, where a Set of
 * texts takes 75 to 275 and ends at 16.7 million. A new id is taken for a known one in 1 of 2^64 / size: for the 40 million ids that
 * fit the largest upload, one upload in twenty thousand refuses a row that was no copy, visibly.
 */
export class RowIdSet {
  size = 0;
  private readonly buckets = Array.from({ length: BUCKETS }, () => new Bucket());

  /** False when the id is there already. */
  add(rowId: string): boolean {
    const digest = hash('sha256', rowId, 'buffer');
    const high = digest.readUInt32LE(0);
    // A slot of zeros is free.
    const low = digest.readUInt32LE(4) || 1;
    const isNew = this.buckets[digest[8]].add(high, low);
    if (isNew) this.size += 1;
    return isNew;
  }

  get bytes(): number {
    return this.buckets.reduce((sum, bucket) => sum + bucket.words.byteLength, 0);
  }
}

/** Open addressing with linear probing; small, so that growing one copies little and never needs twice the whole. */
class Bucket {
  words = new Uint32Array(2 * BUCKET_SLOTS_FIRST);
  private count = 0;

  add(high: number, low: number): boolean {
    if (this.count >= (this.words.length / 2) * FILL_MAX) this.grow();
    const isNew = place(this.words, high, low);
    if (isNew) this.count += 1;
    return isNew;
  }

  private grow(): void {
    const old = this.words;
    this.words = new Uint32Array(2 * Math.ceil((old.length / 2) * 1.5));
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) place(this.words, old[at], old[at + 1]);
  }
}

function place(words: Uint32Array, high: number, low: number): boolean {
  const slots = words.length / 2;
  for (let slot = high % slots; ; slot = slot + 1 === slots ? 0 : slot + 1) {
    const at = 2 * slot;
    if (words[at + 1] === 0) {
      words[at] = high;
      words[at + 1] = low;
      return true;
    }
    if (words[at] === high && words[at + 1] === low) return false;
  }
}
