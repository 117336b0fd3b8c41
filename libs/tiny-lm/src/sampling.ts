// SPDX-License-Identifier: Apache-2.0
import type { Random } from './random';

export interface TokenLogprob {
  id: number;
  /** Natural logarithm of the model's own probability, before temperature and top_p. */
  logprob: number;
}

/** Log probabilities from logits, in float64. */
export function logProbabilities(logits: Float32Array): Float64Array {
  let max = -Infinity;
  for (const logit of logits) if (logit > max) max = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  const shift = max + Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - shift);
}

/** The `count` most likely ids, likeliest first; ties go to the lower id. */
export function topTokens(logprobs: Float64Array, count: number): TokenLogprob[] {
  const ids = Array.from(logprobs, (_, id) => id);
  ids.sort((a, b) => logprobs[b] - logprobs[a] || a - b);
  return ids.slice(0, count).map((id) => ({ id, logprob: logprobs[id] }));
}

function likeliest(values: Float64Array): number {
  let best = 0;
  for (let id = 1; id < values.length; id++) if (values[id] > values[best]) best = id;
  return best;
}

/**
 * Picks the next id: the likeliest at temperature 0; otherwise from the smallest set of likeliest ids whose probabilities (after
 * temperature) reach topP.
 */
export function sampleToken(logprobs: Float64Array, temperature: number, topP: number, random: Random): number {
  if (temperature === 0) return likeliest(logprobs);
  const max = logprobs[likeliest(logprobs)];
  const weights = logprobs.map((logprob) => Math.exp((logprob - max) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (topP >= 1)
    return draw(
      Array.from(weights, (weight, id) => ({ id, weight })),
      total,
      random,
    );
  const ranked = Array.from(weights, (weight, id) => ({ id, weight })).sort((a, b) => b.weight - a.weight || a.id - b.id);
  const kept: { id: number; weight: number }[] = [];
  let mass = 0;
  for (const entry of ranked) {
    kept.push(entry);
    mass += entry.weight;
    if (mass >= topP * total) break;
  }
  return draw(kept, mass, random);
}

function draw(entries: { id: number; weight: number }[], total: number, random: Random): number {
  let rest = random.uniform() * total;
  for (const { id, weight } of entries) {
    rest -= weight;
    if (rest < 0) return id;
  }
  // Rounding may leave a crumb: the last entry that has weight takes it.
  return entries[entries.length - 1].id;
}
