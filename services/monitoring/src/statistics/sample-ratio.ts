// SPDX-License-Identifier: Apache-2.0
import { chiSquareTail } from './distributions';

/** Requests of one stage with the share that the rollout meant for the canary. */
export interface StageAssignment {
  stage: string;
  stable: number;
  canary: number;
  canaryShare: number;
}

export interface SampleRatioResult {
  chiSquare: number;
  degrees: number;
  probability: number;
  mismatch: boolean;
}

/** Sample-ratio mismatch: chi-square of the split against its design, summed over stages; p < threshold (default .001) blocks. */
export function sampleRatio(stages: readonly StageAssignment[], threshold = 0.001): SampleRatioResult {
  let chiSquare = 0;
  let degrees = 0;
  for (const stage of stages) {
    const total = stage.stable + stage.canary;
    const share = stage.canaryShare;
    if (total === 0 || !(share > 0 && share < 1)) continue;
    chiSquare += (stage.canary - total * share) ** 2 / (total * share * (1 - share));
    degrees += 1;
  }
  const probability = degrees === 0 ? 1 : chiSquareTail(chiSquare, degrees);
  return { chiSquare, degrees, probability, mismatch: probability < threshold };
}
