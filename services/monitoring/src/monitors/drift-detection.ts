// SPDX-License-Identifier: Apache-2.0
import { binOf, categoryStability, numericStability, quantileEdges, type StabilityBin } from '../statistics/population-stability';
import { currentness, wordDrift, wordsOf } from '../statistics/word-drift';

/** One request as drift sees it. */
export interface DriftRow {
  id: string;
  input: string;
  answer: string;
}

/** When drift counts: practical size AND calibrated probability, both. */
export interface DriftPolicy {
  /** Chance of a false finding per feature and evaluation (from the budget of false alarms). */
  alpha: number;
  /** Least population stability index. */
  stabilityMin: number;
  /** Least area under the curve of the wording classifier. */
  wordingMin: number;
  /** Quantile bins of a numeric feature. */
  bins: number;
}

export const DRIFT_POLICY_DEFAULT: Omit<DriftPolicy, 'alpha'> = { stabilityMin: 0.1, wordingMin: 0.6, bins: 10 };

export type DriftFeature = 'input_words' | 'answer' | 'wording';

/** What one feature showed. `drifted` needs effect >= effectMin and effect > cut. */
export interface DriftFinding {
  feature: DriftFeature;
  statistic: 'population_stability_index' | 'classifier_auc';
  effect: number;
  effectMin: number;
  cut: number;
  probability: number;
  drifted: boolean;
  /** What moved, and which way, with sizes. */
  direction: string;
  referenceCount: number;
  currentCount: number;
  /** Requests of the current window that show it most. */
  sampleIds: string[];
  details: Record<string, unknown>;
}

/** Answers with more distinct values than this are free text, not categories: the feature is left out. */
const CATEGORIES_MAX = 50;
const SAMPLES = 5;

/** All features of the current window against the reference. Pure; the caller stores the findings with the alpha used. */
export function detectDrift(reference: readonly DriftRow[], current: readonly DriftRow[], policy: DriftPolicy): DriftFinding[] {
  if (reference.length === 0 || current.length === 0) return [];
  const findings = [inputWords(reference, current, policy)];
  if (new Set([...reference, ...current].map((row) => row.answer)).size <= CATEGORIES_MAX)
    findings.push(answers(reference, current, policy));
  const wording = wordingOf(reference, current, policy);
  if (wording) findings.push(wording);
  return findings;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`;
}

function largest(bins: readonly StabilityBin[], grown: boolean): StabilityBin[] {
  return bins
    .filter((bin) => (grown ? bin.current > bin.reference : bin.current < bin.reference))
    .sort((left, right) => right.contribution - left.contribution);
}

function inputWords(reference: readonly DriftRow[], current: readonly DriftRow[], policy: DriftPolicy): DriftFinding {
  const left = reference.map((row) => wordsOf(row.input).length);
  const right = current.map((row) => wordsOf(row.input).length);
  const result = numericStability(left, right, { bins: policy.bins, alpha: policy.alpha });
  const [before, after] = [median(left), median(right)];
  const word = after > before ? 'longer' : after < before ? 'shorter' : 'differently spread';
  const top = largest(result.bins, true)[0];
  const edges = quantileEdges(left, policy.bins);
  const topBin = top ? result.bins.indexOf(top) : -1;
  return {
    feature: 'input_words',
    statistic: 'population_stability_index',
    effect: result.index,
    effectMin: policy.stabilityMin,
    cut: result.cut,
    probability: result.probability,
    drifted: result.index >= policy.stabilityMin && result.index > result.cut,
    direction: `inputs are ${word}: median ${before} to ${after} words`,
    referenceCount: left.length,
    currentCount: right.length,
    sampleIds: current
      .filter((_, index) => binOf(edges, right[index] ?? 0) === topBin)
      .slice(-SAMPLES)
      .map((row) => row.id),
    details: { bins: result.bins },
  };
}

function answers(reference: readonly DriftRow[], current: readonly DriftRow[], policy: DriftPolicy): DriftFinding {
  const result = categoryStability(
    reference.map((row) => row.answer),
    current.map((row) => row.answer),
    policy.alpha,
  );
  const say = (bin: StabilityBin): string => `${bin.name} ${percent(bin.reference)} to ${percent(bin.current)}`;
  const grown = largest(result.bins, true).slice(0, 2);
  const shrunk = largest(result.bins, false).slice(0, 2);
  const known = new Set(result.bins.map((bin) => bin.name));
  const top = grown[0]?.name;
  return {
    feature: 'answer',
    statistic: 'population_stability_index',
    effect: result.index,
    effectMin: policy.stabilityMin,
    cut: result.cut,
    probability: result.probability,
    drifted: result.index >= policy.stabilityMin && result.index > result.cut,
    direction: `more ${grown.map(say).join(', ') || 'nothing'}; less ${shrunk.map(say).join(', ') || 'nothing'}`,
    referenceCount: result.referenceCount,
    currentCount: result.currentCount,
    sampleIds: current
      .filter((row) => row.answer === top || (top === '(other)' && !known.has(row.answer)))
      .slice(-SAMPLES)
      .map((row) => row.id),
    details: { bins: result.bins },
  };
}

function wordingOf(reference: readonly DriftRow[], current: readonly DriftRow[], policy: DriftPolicy): DriftFinding | undefined {
  const left = reference.map((row) => row.input);
  const right = current.map((row) => row.input);
  const result = wordDrift(left, right, policy.alpha);
  if (!result) return undefined;
  const newness = currentness(left, right);
  const ranked = current.map((row) => ({ id: row.id, score: newness(row.input) })).sort((a, b) => b.score - a.score);
  const { unknownWordShareReference: before, unknownWordShareCurrent: after } = result;
  const words = result.grownWords.slice(0, 5).map((shift) => shift.word);
  return {
    feature: 'wording',
    statistic: 'classifier_auc',
    effect: result.auc,
    effectMin: policy.wordingMin,
    cut: result.cut,
    probability: result.probability,
    drifted: result.auc >= policy.wordingMin && result.auc > result.cut,
    direction: `words outside the reference vocabulary ${percent(before)} to ${percent(after)}; more often: ${words.join(', ')}`,
    referenceCount: left.length,
    currentCount: right.length,
    sampleIds: ranked.slice(0, SAMPLES).map((row) => row.id),
    details: {
      heldOutReference: result.heldOutReference,
      heldOutCurrent: result.heldOutCurrent,
      grownWords: result.grownWords,
      shrunkWords: result.shrunkWords,
    },
  };
}
