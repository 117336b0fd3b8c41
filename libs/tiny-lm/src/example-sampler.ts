// SPDX-License-Identifier: Apache-2.0
import { Random } from './random';
import type { EncodedExample, TrainingPool } from './training-examples';

// Batches are drawn sixteen at a time, sorted by length, so that a batch holds rows of about one length and little padding is computed.
const BATCHES_PER_WINDOW = 16;

/** Where the sampler stands: `pools` is each pool's place at the start of the window, `batch` how many of its batches were given out. */
export interface SamplerCursor {
  window: number;
  batch: number;
  pools: { epoch: number; index: number }[];
}

/** Draws batches from weighted pools, every pool shuffled anew each epoch. All order derives from the seed; the cursor is all its state. */
export class ExampleSampler {
  private window = -1;
  private batch = 0;
  private batches: EncodedExample[][] = [];
  private windowStart: SamplerCursor['pools'];
  private places: SamplerCursor['pools'];
  private readonly orders: { epoch: number; order: Uint32Array }[];

  constructor(
    private readonly pools: readonly TrainingPool[],
    private readonly batchSize: number,
    private readonly seed: number,
    cursor?: SamplerCursor,
  ) {
    this.orders = pools.map(() => ({ epoch: -1, order: new Uint32Array() }));
    this.places = cursor ? cursor.pools.map((place) => ({ ...place })) : pools.map(() => ({ epoch: 0, index: 0 }));
    this.windowStart = this.places.map((place) => ({ ...place }));
    if (cursor) {
      this.window = cursor.window - 1;
      if (cursor.window >= 0) this.fillWindow();
      this.batch = cursor.batch;
    }
  }

  cursor(): SamplerCursor {
    return { window: this.window, batch: this.batch, pools: this.windowStart.map((place) => ({ ...place })) };
  }

  next(): EncodedExample[] {
    if (this.batch >= this.batches.length) this.fillWindow();
    return this.batches[this.batch++];
  }

  private fillWindow(): void {
    this.window++;
    this.batch = 0;
    this.windowStart = this.places.map((place) => ({ ...place }));
    const random = Random.from('window', this.seed, this.window);
    const total = this.pools.reduce((sum, pool) => sum + pool.share, 0);
    const drawn: EncodedExample[] = [];
    for (let i = 0; i < this.batchSize * BATCHES_PER_WINDOW; i++) {
      let rest = random.uniform() * total;
      let chosen = this.pools.length - 1;
      for (let p = 0; p < this.pools.length; p++) {
        rest -= this.pools[p].share;
        if (rest < 0) {
          chosen = p;
          break;
        }
      }
      drawn.push(this.take(chosen));
    }
    drawn.sort((a, b) => a.ids.length - b.ids.length);
    this.batches = [];
    for (let i = 0; i < drawn.length; i += this.batchSize) this.batches.push(drawn.slice(i, i + this.batchSize));
    random.shuffle(this.batches);
  }

  private take(pool: number): EncodedExample {
    const { examples } = this.pools[pool];
    const place = this.places[pool];
    if (place.index >= examples.length) {
      place.epoch++;
      place.index = 0;
    }
    const kept = this.orders[pool];
    if (kept.epoch !== place.epoch) {
      kept.epoch = place.epoch;
      kept.order = Random.from('order', this.seed, pool, place.epoch).shuffle(Uint32Array.from(examples, (_, i) => i));
    }
    return examples[kept.order[place.index++]];
  }
}
