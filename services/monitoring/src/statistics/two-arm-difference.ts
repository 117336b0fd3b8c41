// SPDX-License-Identifier: Apache-2.0

/** Events of one arm within one stage of a rollout. */
export interface ArmCount {
  count: number;
  good: number;
}

/** Both arms in one stage: arms are compared only within a stage, so that a change of traffic share cannot pose as an effect. */
export interface StageCounts {
  stage: string;
  stable: ArmCount;
  canary: ArmCount;
}

/** Difference of good rates, canary minus stable, stratified by stage with Cochran-Mantel-Haenszel weights. */
export interface TwoArmDifference {
  stableRate: number;
  canaryRate: number;
  difference: number;
  variance: number;
  /** Effective events per arm: half of the sum of harmonic means; equals n for n against n in one stage. */
  effectivePerArm: number;
}

// Agresti-Caffo style shrinkage (one success and one failure added) keeps the variance honest at rates of 0 or 1.
function shrunkVariance(arm: ArmCount): number {
  const rate = (arm.good + 1) / (arm.count + 2);
  return (rate * (1 - rate)) / arm.count;
}

/** Undefined while no stage has events in both arms. */
export function twoArmDifference(stages: readonly StageCounts[]): TwoArmDifference | undefined {
  let weights = 0;
  let stable = 0;
  let canary = 0;
  let variance = 0;
  for (const stage of stages) {
    const n = stage.stable.count;
    const m = stage.canary.count;
    if (n === 0 || m === 0) continue;
    const weight = (n * m) / (n + m);
    weights += weight;
    stable += (weight * stage.stable.good) / n;
    canary += (weight * stage.canary.good) / m;
    variance += weight ** 2 * (shrunkVariance(stage.stable) + shrunkVariance(stage.canary));
  }
  if (weights === 0) return undefined;
  return {
    stableRate: stable / weights,
    canaryRate: canary / weights,
    difference: (canary - stable) / weights,
    variance: variance / weights ** 2,
    effectivePerArm: 2 * weights,
  };
}
