// SPDX-License-Identifier: Apache-2.0
import type { FieldViolation } from '#libs/errors';

/** How a rollout is judged (monitoring computes with these; proto RolloutPolicy). */
export interface Judgement {
  /** Feedback metric that decides. */
  metric: string;
  /** Largest absolute drop that still passes. */
  margin: number;
  /** Chance of promoting a version that is worse by the margin. */
  alpha: number;
  /** Planned looks. */
  looks: number;
  /** Judged requests per arm at the last look. */
  requestsPerArmMax: number;
  /** Chance of rolling back a version that is not worse. */
  harmAlpha: number;
}

/** How new versions are let in. */
export interface RolloutRules {
  /** Shares of users on the candidate, rising; at 100 the candidate is promoted. */
  steps: number[];
  judgement: Judgement;
}

export const DEFAULT_RULES: RolloutRules = {
  steps: [1, 5, 25, 50, 100],
  judgement: { metric: 'correct', margin: 0.05, alpha: 0.05, looks: 5, requestsPerArmMax: 500, harmAlpha: 0.05 },
};

/** The steps at which both arms serve somebody. A share of 100 is no step of a test: it is its end. */
export function testedSteps(steps: readonly number[]): number[] {
  return steps.filter((percent) => percent < 100);
}

/** Every wrong field, named as in the API. */
export function policyViolations(rules: RolloutRules): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, message: string): void => {
    violations.push({ field: `rolloutPolicy.${field}`, message });
  };
  const { steps, judgement } = rules;
  if (steps.length === 0 || steps.length > 20) refuse('steps', 'must have 1 to 20 steps');
  for (const [index, percent] of steps.entries()) {
    if (!(percent > 0 && percent <= 100)) refuse(`steps[${index}]`, 'must be above 0 and at most 100');
    else if (index > 0 && percent <= steps[index - 1]) refuse(`steps[${index}]`, 'must be larger than the step before');
  }
  if (!/^[a-z][a-z0-9_.-]{0,63}$/.test(judgement.metric)) refuse('metric', 'must be 1 to 64 of a-z, 0-9, ".", "_", "-"');
  if (!(judgement.margin >= 0 && judgement.margin < 1)) refuse('margin', 'must be from 0 to below 1');
  if (!(judgement.alpha > 0 && judgement.alpha < 0.5)) refuse('alpha', 'must be above 0 and below 0.5');
  if (!(judgement.harmAlpha > 0 && judgement.harmAlpha < 0.5)) refuse('harmAlpha', 'must be above 0 and below 0.5');
  if (!inRange(judgement.looks, 1, 20)) refuse('looks', 'must be a whole number from 1 to 20');
  if (!inRange(judgement.requestsPerArmMax, 10, 10_000_000)) {
    refuse('requestsPerArmMax', 'must be a whole number from 10 to 10,000,000');
  }
  return violations;
}

function inRange(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
