// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

/** Four 32-bit words: the whole state of a Random, as it is written into a checkpoint. */
export type RandomState = [number, number, number, number];

const rotateLeft = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** xoshiro128** (Blackman and Vigna, 2018): small, fast, and its state can be saved and restored exactly. */
export class Random {
  private constructor(private readonly words: Uint32Array) {}

  /** A stream of its own for each list of parts: the same parts give the same numbers on every machine. */
  static from(...parts: (string | number)[]): Random {
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
    const words = new Uint32Array(4);
    for (let i = 0; i < 4; i++) words[i] = digest.readUInt32LE(i * 4);
    if (words.every((word) => word === 0)) words[0] = 1;
    return new Random(words);
  }

  static restore(state: RandomState): Random {
    return new Random(Uint32Array.from(state));
  }

  state(): RandomState {
    return [this.words[0], this.words[1], this.words[2], this.words[3]];
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    const s = this.words;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1) with 32 bits. */
  uniform(): number {
    return this.uint32() / 4294967296;
  }

  /** Uniform in 0 .. below-1. */
  below(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** Standard normal (Box-Muller, one of the pair). */
  gaussian(): number {
    const u = 1 - this.uniform();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** Fisher-Yates, in place. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
    return items;
  }
}
