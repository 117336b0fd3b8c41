// SPDX-License-Identifier: Apache-2.0
import type { Version } from '../endpoints/endpoint';
import { testedSteps, type Judgement, type RolloutRules } from './rollout-rules';

export type RolloutState = 'running' | 'promoted' | 'rolled-back' | 'superseded';

/** A new version tried on a growing share of users. Terminal states never change again: that fences late verdicts. */
export interface Rollout {
  workspace: string;
  id: string;
  endpoint: string;
  modelName: string;
  alias: string;
  state: RolloutState;
  control: Version;
  candidate: Version;
  /** Tested steps only (all below 100); empty never. */
  steps: number[];
  /** Number of the step, from 1. */
  step: number;
  judgement: Judgement;
  verdictId: string;
  actor: string;
  reason: string;
  /** Version of the aggregate: number of events so far. */
  sequence: number;
  startTime: Date;
  endTime: Date | undefined;
}

export interface RolloutStart {
  workspace: string;
  id: string;
  endpoint: string;
  modelName: string;
  alias: string;
  control: Version;
  candidate: Version;
  rules: RolloutRules;
  now: Date;
}

/** A rollout at its first step. Undefined when the policy has no step that tests anything (only 100): nothing to judge. */
export function startRollout(start: RolloutStart): Rollout | undefined {
  const steps = testedSteps(start.rules.steps);
  if (steps.length === 0) return undefined;
  const { workspace, id, endpoint, modelName, alias, control, candidate, now } = start;
  return {
    ...{ workspace, id, endpoint, modelName, alias, control, candidate, steps },
    state: 'running',
    step: 1,
    judgement: start.rules.judgement,
    verdictId: '',
    actor: '',
    reason: '',
    sequence: 1,
    startTime: now,
    endTime: undefined,
  };
}

export function candidatePercent(rollout: Pick<Rollout, 'state' | 'steps' | 'step'>): number {
  if (rollout.state === 'promoted') return 100;
  return rollout.state === 'running' ? rollout.steps[rollout.step - 1] : 0;
}

/** Why a rollout moves. */
export interface RolloutCause {
  verdictId: string;
  /** A subject, or "service:monitoring". */
  actor: string;
  reason: string;
}

/** After a verdict that the candidate is not worse: the next step, or promoted after the last one. Undefined when it is over already. */
export function advance(rollout: Rollout, cause: RolloutCause, now: Date): Rollout | undefined {
  if (rollout.state !== 'running' || (cause.verdictId !== '' && cause.verdictId === rollout.verdictId)) return undefined;
  if (rollout.step >= rollout.steps.length) return finish(rollout, 'promoted', cause, now);
  return { ...rollout, step: rollout.step + 1, verdictId: cause.verdictId, sequence: rollout.sequence + 1 };
}

/** Ends it. Undefined when it is over already: the first end stands. */
export function finish(
  rollout: Rollout,
  state: Exclude<RolloutState, 'running'>,
  cause: RolloutCause,
  now: Date,
): Rollout | undefined {
  if (rollout.state !== 'running') return undefined;
  return { ...rollout, ...cause, state, sequence: rollout.sequence + 1, endTime: now };
}

/** What serves everybody after the end. */
export function servingAfter(rollout: Rollout): { serving: Version; retired: Version } {
  if (rollout.state === 'promoted') return { serving: rollout.candidate, retired: rollout.control };
  return { serving: rollout.control, retired: rollout.candidate };
}
