// SPDX-License-Identifier: Apache-2.0
import { normalTail, normalTailQuantile } from './distributions';
import { stableHash } from './seeded-random';

/**
 * Drift of wording by a domain classifier (study c4): a naive Bayes model learns to tell reference from current texts on one
 * half of each, the other halves are scored, and the area under the ROC curve says how well wording gives the period away.
 * Texts are whole units here, so the test stays calibrated although words inside a text are not independent.
 * Under no change the held-out AUC has mean 0.5 and sd sqrt((n + m + 1) / (12 n m)).
 */
export interface WordDriftResult {
  /** Held-out AUC, 0.5 = cannot be told apart. The effect size. */
  auc: number;
  /** AUC that is exceeded with probability alpha when nothing changed. */
  cut: number;
  probability: number;
  heldOutReference: number;
  heldOutCurrent: number;
  /** Mean share of words per text that the reference half never uses, on the held-out halves. */
  unknownWordShareReference: number;
  unknownWordShareCurrent: number;
  /** Words that grew and shrank most (by share of log-likelihood), with texts per thousand on both sides. */
  grownWords: WordShift[];
  shrunkWords: WordShift[];
}

export interface WordShift {
  word: string;
  referencePerThousand: number;
  currentPerThousand: number;
}

/** Lower-cased runs of letters and digits of any script. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

interface Side {
  /** Texts of the learning half that hold the word. */
  texts: Map<string, number>;
  learned: number;
  heldOut: Set<string>[];
}

// The half is chosen by the text's own hash: equal texts fall on the same side, so a repeated prompt cannot leak from the
// learning half into the held-out half, and any replica computes the same split.
function split(texts: readonly string[]): Side {
  const side: Side = { texts: new Map(), learned: 0, heldOut: [] };
  for (const text of texts) {
    const words = new Set(wordsOf(text));
    if (stableHash(text) % 2 === 0) {
      side.heldOut.push(words);
      continue;
    }
    side.learned += 1;
    for (const word of words) side.texts.set(word, (side.texts.get(word) ?? 0) + 1);
  }
  return side;
}

const SMOOTHING = 0.5;

// Per-word log odds of current against reference from document frequencies. A word seen in neither learning half says nothing.
function logOdds(reference: Side, current: Side): Map<string, number> {
  const odds = new Map<string, number>();
  for (const word of new Set([...reference.texts.keys(), ...current.texts.keys()])) {
    const p = ((reference.texts.get(word) ?? 0) + SMOOTHING) / (reference.learned + 1);
    const q = ((current.texts.get(word) ?? 0) + SMOOTHING) / (current.learned + 1);
    odds.set(word, Math.log(q / p));
  }
  return odds;
}

function score(words: Set<string>, odds: Map<string, number>): number {
  let total = 0;
  for (const word of words) total += odds.get(word) ?? 0;
  return total;
}

/** Mann-Whitney estimate of P(current > reference) with ties counted half. */
export function areaUnderCurve(reference: readonly number[], current: readonly number[]): number {
  const all = [...reference.map((value) => ({ value, side: 0 })), ...current.map((value) => ({ value, side: 1 }))];
  all.sort((left, right) => left.value - right.value);
  let rankSum = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]?.value === all[from]?.value) to += 1;
    const rank = (from + 1 + to) / 2;
    for (let index = from; index < to; index += 1) if (all[index]?.side === 1) rankSum += rank;
    from = to;
  }
  return (rankSum - (current.length * (current.length + 1)) / 2) / (reference.length * current.length);
}

function unknownShare(heldOut: readonly Set<string>[], known: Map<string, number>): number {
  let total = 0;
  for (const words of heldOut) {
    let unknown = 0;
    for (const word of words) if (!known.has(word)) unknown += 1;
    total += words.size === 0 ? 0 : unknown / words.size;
  }
  return heldOut.length === 0 ? 0 : total / heldOut.length;
}

function shifts(reference: Side, current: Side, sign: 1 | -1): WordShift[] {
  const found: { shift: WordShift; weight: number }[] = [];
  for (const [word, odds] of logOdds(reference, current)) {
    const p = (reference.texts.get(word) ?? 0) / Math.max(1, reference.learned);
    const q = (current.texts.get(word) ?? 0) / Math.max(1, current.learned);
    const weight = sign * (q - p) * Math.abs(odds);
    const perThousand = (share: number): number => Math.round(share * 10_000) / 10;
    if (weight > 0)
      found.push({ weight, shift: { word, referencePerThousand: perThousand(p), currentPerThousand: perThousand(q) } });
  }
  found.sort((left, right) => right.weight - left.weight || (left.shift.word < right.shift.word ? -1 : 1));
  return found.slice(0, 10).map((item) => item.shift);
}

/** Fewest held-out texts per side for the normal approximation of the AUC. */
export const HELD_OUT_MIN = 20;

/** Compares two samples of texts. Returns undefined while either held-out half is below HELD_OUT_MIN texts. */
export function wordDrift(reference: readonly string[], current: readonly string[], alpha: number): WordDriftResult | undefined {
  const left = split(reference);
  const right = split(current);
  const n = left.heldOut.length;
  const m = right.heldOut.length;
  if (n < HELD_OUT_MIN || m < HELD_OUT_MIN || left.learned === 0 || right.learned === 0) return undefined;
  const odds = logOdds(left, right);
  const auc = areaUnderCurve(
    left.heldOut.map((words) => score(words, odds)),
    right.heldOut.map((words) => score(words, odds)),
  );
  const deviation = Math.sqrt((n + m + 1) / (12 * n * m));
  return {
    auc,
    cut: 0.5 + normalTailQuantile(alpha) * deviation,
    probability: normalTail((auc - 0.5) / deviation),
    heldOutReference: n,
    heldOutCurrent: m,
    unknownWordShareReference: unknownShare(left.heldOut, left.texts),
    unknownWordShareCurrent: unknownShare(right.heldOut, left.texts),
    grownWords: shifts(left, right, 1),
    shrunkWords: shifts(left, right, -1),
  };
}

/** How strongly one text looks like the current period rather than the reference: used to pick sample rows of a finding. */
export function currentness(reference: readonly string[], current: readonly string[]): (text: string) => number {
  const odds = logOdds(split(reference), split(current));
  return (text) => {
    const words = new Set(wordsOf(text));
    return words.size === 0 ? 0 : score(words, odds) / Math.sqrt(words.size);
  };
}
