// SPDX-License-Identifier: Apache-2.0
import { EdgeList } from './edge-list';
import { BANDS, OnePermutationHash } from './one-permutation-hash';
import { ShingleArena } from './shingle-arena';
import { Shingler } from './shingler';

/** Classes of equal word sequences, and the pairs of classes with their exact Jaccard similarity over shingle hashes. */
export interface NearDuplicateGraph {
  documents: number;
  /** First document with the same sequence of words; the document itself where it is the first. */
  sameAs: Int32Array;
  /** Edges between first documents (`sameAs[x] === x`), `a[i] < b[i]`, ordered by a then b. */
  a: Int32Array;
  b: Int32Array;
  /** 64-bit on purpose: 7/10 kept as a 32-bit float is below 0.7. */
  jaccard: Float64Array;
  /** Words per document. */
  words: Int32Array;
  /** Times that members of a bucket were left out: it held more than the cap, or the graph as many pairs as it may. 0 = complete. */
  comparisonsSkipped: number;
  /** Candidate pairs that were verified exactly. */
  comparisons: number;
}

export interface NearDuplicateOptions {
  /** Words per shingle, 1..32. */
  shingleWords: number;
  /** Pairs below this Jaccard are not kept. */
  jaccardMin: number;
  /** Members of one band bucket that a document is compared with. */
  bucketComparisonsMax?: number;
  /** Most pairs that are kept. */
  edgesMax?: number;
}

/** Members of a bucket that are compared with once there are half as many pairs as may be kept: the best survivors come first. */
const CROWDED_COMPARISONS_MAX = 2;

/** Work between two yields of the cooperative search: about 2 ms each. A document with many long neighbours is compared in one go. */
const DOCUMENTS_PER_YIELD = 4_096;
const SHINGLES_PER_YIELD = 200_000;

/**
 * Near-duplicate search over texts: word shingles -> one-permutation MinHash -> 32 x 4 bands -> EXACT Jaccard of every candidate.
 * `add` the texts in row order, then run `search()` (a generator that yields so that a server can breathe).
 * Memory: 128 bytes of band keys + 4 bytes per shingle and document, and what EdgeList says.
 */
export class NearDuplicateIndex {
  private readonly shingler: Shingler;
  private readonly hasher = new OnePermutationHash();
  private readonly arena = new ShingleArena();
  private bandKeys = new Uint32Array(1024 * BANDS);
  private words = new Int32Array(1024);
  /** First document with the same word sequence, else itself. Only first documents take part in the band search. */
  private sameAs = new Int32Array(1024);
  private readonly firstBySequence = new Map<number, number>();
  private count = 0;

  constructor(private readonly options: NearDuplicateOptions) {
    this.shingler = new Shingler(options.shingleWords);
  }

  get documents(): number {
    return this.count;
  }

  add(text: string): void {
    const document = this.count;
    if (document === this.words.length) this.grow();
    const { shingler } = this;
    shingler.read(text);
    this.words[document] = shingler.words;
    const earlier = this.findSameSequence(shingler, document);
    this.sameAs[document] = earlier >= 0 ? earlier : document;
    if (earlier >= 0) this.arena.addAlias(earlier);
    else {
      this.arena.add(shingler.hashes, shingler.count);
      if (shingler.count > 0) this.hasher.bandKeys(shingler.hashes, shingler.count, this.bandKeys, document * BANDS);
    }
    this.count++;
  }

  /** Shingles in text order identify the word sequence; a 53-bit key finds the candidate and the arrays are then compared. */
  private findSameSequence(shingler: Shingler, document: number): number {
    if (shingler.count === 0) return -1;
    let low = shingler.count;
    let high = shingler.words;
    for (let i = 0; i < shingler.count; i++) {
      const hash = shingler.hashes[i];
      low = Math.imul(low ^ hash, 0x01000193);
      high = Math.imul(high + hash, 0x85ebca6b) ^ (high >>> 13);
    }
    const key = (low >>> 0) * 2_097_152 + (high >>> 11);
    const earlier = this.firstBySequence.get(key);
    if (earlier === undefined) {
      this.firstBySequence.set(key, document);
      return -1;
    }
    return this.arena.equalsUnsorted(earlier, shingler.hashes, shingler.count) ? earlier : -1;
  }

  /**
   * Yields now and then; the return value is the graph. Call once, after the last `add`.
   * `order` is the visiting order, best survivor first: where a bucket is cut at its cap, the best ones are still compared.
   */
  *search(order?: Int32Array): Generator<void, NearDuplicateGraph, void> {
    const edges = new EdgeList(this.options.edgesMax);
    const state = { comparisons: 0, skipped: 0, shingles: 0 };
    let capacity = 16;
    while (capacity < this.count * 2) capacity *= 2;
    const table: BandTable = {
      heads: new Int32Array(capacity),
      tails: new Int32Array(capacity),
      keys: new Uint32Array(capacity),
      next: new Int32Array(this.count),
    };
    for (let band = 0; band < BANDS; band++) {
      table.heads.fill(-1);
      for (let position = 0; position < this.count; position++) {
        const document = order ? order[position] : position;
        if (this.sameAs[document] === document && this.arena.size(document) > 0)
          this.visit(band, document, { table, edges, state });
        if (position % DOCUMENTS_PER_YIELD !== DOCUMENTS_PER_YIELD - 1 && state.shingles < SHINGLES_PER_YIELD) continue;
        state.shingles = 0;
        yield;
      }
      yield;
    }
    return {
      documents: this.count,
      sameAs: this.sameAs.slice(0, this.count),
      ...edges.sorted(this.count),
      words: this.words.slice(0, this.count),
      comparisons: state.comparisons,
      comparisonsSkipped: state.skipped,
    };
  }

  private visit(band: number, document: number, work: BandWork): void {
    const { heads, tails, keys, next } = work.table;
    const key = this.bandKeys[document * BANDS + band];
    const mask = heads.length - 1;
    let slot = (key ^ (key >>> 15)) & mask;
    while (heads[slot] !== -1 && keys[slot] !== key) slot = (slot + 1) & mask;
    const comparisonsMax = work.edges.isCrowded ? CROWDED_COMPARISONS_MAX : (this.options.bucketComparisonsMax ?? 256);
    let seen = 0;
    for (let other = heads[slot]; other !== -1; other = next[other]) {
      if (seen++ === comparisonsMax || work.edges.isFull) {
        work.state.skipped++;
        break;
      }
      if (this.sharesEarlierBand(band, document, other)) continue;
      work.state.comparisons++;
      work.state.shingles += this.arena.size(other) + this.arena.size(document);
      const jaccard = this.arena.jaccard(other, document, this.options.jaccardMin);
      if (jaccard >= this.options.jaccardMin) work.edges.push(other, document, jaccard);
    }
    next[document] = -1;
    if (heads[slot] === -1) {
      heads[slot] = document;
      keys[slot] = key;
    } else next[tails[slot]] = document;
    tails[slot] = document;
  }

  /** A pair that met in an earlier band was verified there. */
  private sharesEarlierBand(band: number, document: number, other: number): boolean {
    const { bandKeys } = this;
    const mine = document * BANDS;
    const theirs = other * BANDS;
    for (let earlier = 0; earlier < band; earlier++) {
      if (bandKeys[mine + earlier] === bandKeys[theirs + earlier]) return true;
    }
    return false;
  }

  private grow(): void {
    const size = this.words.length * 2;
    this.words = copyInto(new Int32Array(size), this.words);
    this.sameAs = copyInto(new Int32Array(size), this.sameAs);
    this.bandKeys = copyInto(new Uint32Array(size * BANDS), this.bandKeys);
  }
}

/** Open-addressing table from band key to a chain of documents in visiting order. */
interface BandTable {
  heads: Int32Array;
  tails: Int32Array;
  keys: Uint32Array;
  next: Int32Array;
}

interface BandWork {
  table: BandTable;
  edges: EdgeList;
  state: { comparisons: number; skipped: number; shingles: number };
}

function copyInto<T extends Int32Array | Uint32Array>(target: T, source: T): T {
  target.set(source);
  return target;
}

/** Runs a cooperative search to its end without giving way: for tools and small inputs. */
export function runToEnd<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Runs a cooperative search and lets the event loop turn about every 10 ms. */
export async function runYielding<T>(steps: Generator<void, T, void>, signal?: AbortSignal): Promise<T> {
  let since = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    signal?.throwIfAborted();
    if (performance.now() - since > 10) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      since = performance.now();
    }
  }
}
