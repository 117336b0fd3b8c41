// SPDX-License-Identifier: Apache-2.0
import { confidenceSequenceHalfWidth } from '../statistics/confidence-sequence';
import { obrienFleming } from '../statistics/group-sequential';
import { sampleRatio, type SampleRatioResult, type StageAssignment } from '../statistics/sample-ratio';
import { twoArmDifference, type StageCounts, type TwoArmDifference } from '../statistics/two-arm-difference';

/** What a verdict may be wrong about, and how often. Rates are shares (0..1). */
export interface VerdictPolicy {
  /** `non-inferior`: promote when the canary is at most `margin` worse; `superior`: only when it is better. */
  goal: 'non-inferior' | 'superior';
  /** Largest loss of the good rate that is accepted. */
  margin: number;
  /** Chance of promoting a canary that is worse by exactly the margin (or, for superior, equal). */
  promoteAlpha: number;
  looks: number;
  /** Rated requests per arm at the last planned look. */
  eventsPerArmMax: number;
  /** Chance of ever rolling back a canary that is as good as stable, over the quality metric and all guards together. */
  harmAlpha: number;
  /** No verdict but hold before both arms have this many rated requests. */
  eventsPerArmMin: number;
  /** No promotion before the rollout was observed this long. */
  dwellSeconds: number;
  sampleRatioThreshold: number;
}

export const VERDICT_POLICY_DEFAULT: VerdictPolicy = {
  goal: 'non-inferior',
  margin: 0.05,
  promoteAlpha: 0.05,
  looks: 5,
  eventsPerArmMax: 400,
  harmAlpha: 0.05,
  eventsPerArmMin: 30,
  dwellSeconds: 0,
  sampleRatioThreshold: 0.001,
};

/** A rate that must not get worse (requests without error, for example); it can roll back, never promote. */
export interface GuardCounts {
  name: string;
  stages: StageCounts[];
}

/** Everything a verdict depends on. The same input gives the same verdict, on any machine, at any later time. */
export interface VerdictInput {
  policy: VerdictPolicy;
  /** The stage whose promotion is asked. Looks count only this stage; harm counts all of them. */
  stage: string;
  quality: StageCounts[];
  guards: GuardCounts[];
  assignments: StageAssignment[];
  /** Highest planned look that earlier verdicts of this stage already used. */
  looksTaken: number;
  observedSeconds: number;
}

export type VerdictOutcome = 'promote' | 'rollback' | 'hold';

export type VerdictReason =
  | 'non_inferior'
  | 'superior'
  | 'quality_harm'
  | 'guard_harm'
  | 'no_data'
  | 'too_few_events'
  | 'sample_ratio_mismatch'
  | 'dwell_not_over'
  | 'awaiting_look'
  | 'inconclusive'
  | 'looks_exhausted';

/** Harm check of one rate: the confidence sequence of canary minus stable. */
export interface HarmCheck {
  name: string;
  difference: number;
  halfWidth: number;
  /** The canary is worse, with confidence, when this is below zero. */
  upper: number;
  harmful: boolean;
}

export interface VerdictResult {
  outcome: VerdictOutcome;
  reasons: VerdictReason[];
  /** Figures of the current stage, as used by the looks. */
  quality?: TwoArmDifference;
  harm: HarmCheck[];
  sampleRatio: SampleRatioResult;
  /** Present when a planned look was taken by this verdict. */
  look?: { number: number; of: number; boundary: number; zNonInferior: number; zSuperior: number; alphaSpent: number };
  /** To be carried into the next verdict's input. */
  looksTaken: number;
}

function harmCheck(
  name: string,
  stages: readonly StageCounts[],
  input: { alphaOneSided: number; eventsPerArmMax: number },
): HarmCheck | undefined {
  const measured = twoArmDifference(stages);
  if (!measured) return undefined;
  // Tuned to be narrowest at half of the planned events, where most harmful canaries are caught.
  const perEvent = measured.variance * measured.effectivePerArm;
  const tunedInformation = input.eventsPerArmMax / 2 / perEvent;
  const halfWidth = confidenceSequenceHalfWidth(measured.variance, { alphaOneSided: input.alphaOneSided, tunedInformation });
  const upper = measured.difference + halfWidth;
  return { name, difference: measured.difference, halfWidth, upper, harmful: upper < 0 };
}

// Bonferroni over quality and guards: each rate gets an equal share of the chance of a wrong rollback.
function harmChecks(input: VerdictInput): HarmCheck[] {
  const { policy } = input;
  const tuning = { alphaOneSided: policy.harmAlpha / (1 + input.guards.length), eventsPerArmMax: policy.eventsPerArmMax };
  const rates = [{ name: 'quality', stages: input.quality }, ...input.guards];
  return rates.flatMap((rate) => {
    const total = (side: 'stable' | 'canary'): number => rate.stages.reduce((sum, stage) => sum + stage[side].count, 0);
    if (Math.min(total('stable'), total('canary')) < policy.eventsPerArmMin) return [];
    return harmCheck(rate.name, rate.stages, tuning) ?? [];
  });
}

/**
 * Decides one rollout: rollback at any time on harm (confidence sequence), promote only at planned looks (O'Brien-Fleming),
 * hold otherwise. Missing data, a sample-ratio mismatch or an unfinished dwell can never end in promote.
 */
export function decideVerdict(input: VerdictInput): VerdictResult {
  const { policy } = input;
  const quality = twoArmDifference(currentStage(input));
  const harm = harmChecks(input);
  const base = {
    harm,
    sampleRatio: sampleRatio(input.assignments, policy.sampleRatioThreshold),
    looksTaken: input.looksTaken,
    ...(quality ? { quality } : {}),
  };
  const harmful = harm.filter((check) => check.harmful);
  if (harmful.length > 0) {
    const reasons = harmful.map((check): VerdictReason => (check.name === 'quality' ? 'quality_harm' : 'guard_harm'));
    return { ...base, outcome: 'rollback', reasons: [...new Set(reasons)] };
  }
  const blocked = blockers(input, quality, base.sampleRatio);
  if (blocked.length > 0 || !quality) return { ...base, outcome: 'hold', reasons: blocked };
  return takeLook(input, quality, base);
}

function currentStage(input: VerdictInput): StageCounts[] {
  return input.quality.filter((counts) => counts.stage === input.stage);
}

function blockers(input: VerdictInput, quality: TwoArmDifference | undefined, ratio: SampleRatioResult): VerdictReason[] {
  const total = (side: 'stable' | 'canary'): number => currentStage(input).reduce((sum, stage) => sum + stage[side].count, 0);
  if (!quality) return ['no_data'];
  const reasons: VerdictReason[] = [];
  if (Math.min(total('stable'), total('canary')) < input.policy.eventsPerArmMin) reasons.push('too_few_events');
  if (ratio.mismatch) reasons.push('sample_ratio_mismatch');
  if (input.observedSeconds < input.policy.dwellSeconds) reasons.push('dwell_not_over');
  return reasons;
}

// A look that falls between two planned ones uses the boundary of the earlier one, which is the stricter: a skipped or late
// look never spends more than its alpha.
function takeLook(
  input: VerdictInput,
  quality: TwoArmDifference,
  base: Omit<VerdictResult, 'outcome' | 'reasons'>,
): VerdictResult {
  const { policy } = input;
  const number = Math.min(policy.looks, Math.floor((quality.effectivePerArm / policy.eventsPerArmMax) * policy.looks));
  if (number <= input.looksTaken) {
    const over = input.looksTaken >= policy.looks;
    return { ...base, outcome: 'hold', reasons: [over ? 'looks_exhausted' : 'awaiting_look'] };
  }
  const plan = obrienFleming(policy.looks, policy.promoteAlpha);
  const deviation = Math.sqrt(quality.variance);
  const boundary = plan.boundaries[number - 1] ?? Infinity;
  const look = {
    number,
    of: policy.looks,
    boundary,
    zNonInferior: (quality.difference + policy.margin) / deviation,
    zSuperior: quality.difference / deviation,
    alphaSpent: plan.alphaSpent[number - 1] ?? policy.promoteAlpha,
  };
  const nonInferior = look.zNonInferior >= boundary;
  // Superiority is tested only after non-inferiority holds (a fixed order), so it needs no share of alpha.
  const superior = nonInferior && look.zSuperior >= boundary;
  const reached = policy.goal === 'superior' ? superior : nonInferior;
  const result = { ...base, look, looksTaken: number };
  if (!reached) {
    return {
      ...result,
      outcome: 'hold',
      reasons: number >= policy.looks ? ['inconclusive', 'looks_exhausted'] : ['inconclusive'],
    };
  }
  return { ...result, outcome: 'promote', reasons: superior ? ['non_inferior', 'superior'] : ['non_inferior'] };
}
