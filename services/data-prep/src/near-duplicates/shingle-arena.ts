// SPDX-License-Identifier: Apache-2.0

/** 4 MiB of shingle hashes per block: no copying while the arena grows, no array above what a typed array can hold. */
const BLOCK_HASHES = 1 << 20;

/** Shingle hashes of many documents. Sets are sorted and freed of repeats only when first compared: most never are. */
export class ShingleArena {
  private readonly blocks: Uint32Array[] = [];
  private used = BLOCK_HASHES;
  private block = new Int32Array(1024);
  private start = new Int32Array(1024);
  private length = new Int32Array(1024);
  private sorted = new Uint8Array(1024);
  private count = 0;

  add(hashes: Uint32Array, size: number): void {
    const document = this.reserveDocument();
    if (size > BLOCK_HASHES) {
      this.blocks.push(hashes.slice(0, size));
      this.set(document, { block: this.blocks.length - 1, start: 0, length: size });
      this.used = BLOCK_HASHES;
      return;
    }
    if (this.used + size > BLOCK_HASHES) {
      this.blocks.push(new Uint32Array(BLOCK_HASHES));
      this.used = 0;
    }
    const last = this.blocks.length - 1;
    this.blocks[last].set(hashes.subarray(0, size), this.used);
    this.set(document, { block: last, start: this.used, length: size });
    this.used += size;
  }

  /** A document with the same shingles as an earlier one takes no room. */
  addAlias(earlier: number): void {
    const document = this.reserveDocument();
    this.set(document, { block: this.block[earlier], start: this.start[earlier], length: this.length[earlier] });
  }

  size(document: number): number {
    return this.length[document];
  }

  /** Compares with the shingles as they were added; a set already sorted is not expected here (search comes after all adds). */
  equalsUnsorted(document: number, hashes: Uint32Array, size: number): boolean {
    if (this.length[document] !== size) return false;
    const block = this.blocks[this.block[document]];
    const start = this.start[document];
    for (let i = 0; i < size; i++) if (block[start + i] !== hashes[i]) return false;
    return true;
  }

  /** Exact Jaccard of two sets, or -1 as soon as it cannot reach `atLeast`. */
  jaccard(x: number, y: number, atLeast: number): number {
    if (this.sorted[x] === 0) this.sort(x);
    if (this.sorted[y] === 0) this.sort(y);
    const xs = this.blocks[this.block[x]];
    const ys = this.blocks[this.block[y]];
    let i = this.start[x];
    let j = this.start[y];
    const xEnd = i + this.length[x];
    const yEnd = j + this.length[y];
    const total = this.length[x] + this.length[y];
    // J = common / (total - common) >= t  <=>  common >= t * total / (1 + t); each one-sided hash spends from the slack.
    const slack = total - 2 * Math.ceil((atLeast * total) / (1 + atLeast) - 1e-9);
    let misses = Math.abs(this.length[x] - this.length[y]);
    if (misses > slack) return -1;
    let common = 0;
    misses = 0;
    while (i < xEnd && j < yEnd) {
      const difference = xs[i] - ys[j];
      if (difference === 0) {
        common++;
        i++;
        j++;
        continue;
      }
      if (++misses > slack) return -1;
      if (difference < 0) i++;
      else j++;
    }
    return common / (total - common);
  }

  private sort(document: number): void {
    const start = this.start[document];
    const view = this.blocks[this.block[document]].subarray(start, start + this.length[document]);
    view.sort();
    let kept = 0;
    for (let i = 0; i < view.length; i++) if (i === 0 || view[i] !== view[i - 1]) view[kept++] = view[i];
    this.length[document] = kept;
    this.sorted[document] = 1;
  }

  private reserveDocument(): number {
    if (this.count === this.length.length) {
      const size = this.count * 2;
      this.block = grown(this.block, size);
      this.start = grown(this.start, size);
      this.length = grown(this.length, size);
      const sorted = new Uint8Array(size);
      sorted.set(this.sorted);
      this.sorted = sorted;
    }
    return this.count++;
  }

  private set(document: number, at: { block: number; start: number; length: number }): void {
    this.block[document] = at.block;
    this.start[document] = at.start;
    this.length[document] = at.length;
  }
}

function grown(array: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(size);
  copy.set(array);
  return copy;
}
