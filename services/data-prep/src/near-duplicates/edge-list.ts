// SPDX-License-Identifier: Apache-2.0

/** 100,000 rows made of one template have 30 million near pairs; as many as this take 256 MB, and 384 MB more while they are sorted. */
const EDGES_MAX = 16 * 1024 * 1024;

/** Near pairs, at most so many. In typed arrays: as objects they took four times the memory, and minutes to sort. */
export class EdgeList {
  private a = new Int32Array(1024);
  private b = new Int32Array(1024);
  private jaccard = new Float64Array(1024);
  private count = 0;

  constructor(private readonly edgesMax = EDGES_MAX) {}

  /** Half full: time to be choosy, so that room is left for the documents that come later. */
  get isCrowded(): boolean {
    return this.count >= this.edgesMax / 2;
  }

  get isFull(): boolean {
    return this.count >= this.edgesMax;
  }

  push(x: number, y: number, jaccard: number): void {
    if (this.count === this.a.length) this.grow();
    this.a[this.count] = Math.min(x, y);
    this.b[this.count] = Math.max(x, y);
    this.jaccard[this.count++] = jaccard;
  }

  /** Ordered by document, so that the same rows always give the same graph. */
  sorted(documents: number): { a: Int32Array; b: Int32Array; jaccard: Float64Array } {
    const order = this.orderBy(this.a, documents, this.orderBy(this.b, documents));
    const sorted = { a: new Int32Array(this.count), b: new Int32Array(this.count), jaccard: new Float64Array(this.count) };
    for (let position = 0; position < this.count; position++) {
      const edge = order[position];
      sorted.a[position] = this.a[edge];
      sorted.b[position] = this.b[edge];
      sorted.jaccard[position] = this.jaccard[edge];
    }
    return sorted;
  }

  /** Counting sort, stable: edges that are equal in `keys` keep the order that they have in `before`. */
  private orderBy(keys: Int32Array, documents: number, before?: Int32Array): Int32Array {
    const next = new Int32Array(documents + 1);
    for (let edge = 0; edge < this.count; edge++) next[keys[edge] + 1]++;
    for (let document = 0; document < documents; document++) next[document + 1] += next[document];
    const order = new Int32Array(this.count);
    for (let position = 0; position < this.count; position++) {
      const edge = before ? before[position] : position;
      order[next[keys[edge]]++] = edge;
    }
    return order;
  }

  private grow(): void {
    const size = this.a.length * 2;
    const [a, b, jaccard] = [new Int32Array(size), new Int32Array(size), new Float64Array(size)];
    a.set(this.a);
    b.set(this.b);
    jaccard.set(this.jaccard);
    [this.a, this.b, this.jaccard] = [a, b, jaccard];
  }
}
