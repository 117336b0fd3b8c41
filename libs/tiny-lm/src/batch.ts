// SPDX-License-Identifier: Apache-2.0
import type { Batch } from './llama-network';
import type { Random } from './random';
import type { EncodedExample } from './training-examples';

export interface BatchOptions {
  contextTokens: number;
  padId: number;
  /** Weight of every scored token after the first of an answer. */
  laterTokenWeight: number;
  /** Chance that a token of the prompt is hidden (replaced by the pad token), with the stream that decides. */
  dropout?: { chance: number; random: Random };
}

/** Puts examples into one padded batch. The width is rounded up to 8, which is what the kernels like; padding is never scored. */
export function assembleBatch(examples: readonly EncodedExample[], options: BatchOptions): Batch {
  const longest = examples.reduce((max, { ids }) => Math.max(max, ids.length - 1), 1);
  const tokens = Math.min(options.contextTokens, Math.ceil(longest / 8) * 8);
  const ids = new Int32Array(examples.length * tokens).fill(options.padId);
  const scored: number[] = [];
  const targets: number[] = [];
  const weights: number[] = [];
  const { dropout } = options;
  examples.forEach((example, row) => {
    for (let j = 0; j < example.ids.length - 1; j++) {
      const isPrompt = j + 1 < example.scoredFrom;
      const hidden = isPrompt && dropout !== undefined && dropout.random.uniform() < dropout.chance;
      if (!hidden) ids[row * tokens + j] = example.ids[j];
      if (isPrompt) continue;
      scored.push(row * tokens + j);
      targets.push(example.ids[j + 1]);
      weights.push(j + 1 === example.scoredFrom ? 1 : options.laterTokenWeight);
    }
  });
  return {
    sequences: examples.length,
    tokens,
    ids,
    scored: Int32Array.from(scored),
    targets: Int32Array.from(targets),
    weights: Float32Array.from(weights),
  };
}
