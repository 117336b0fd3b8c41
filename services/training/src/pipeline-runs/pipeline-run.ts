// SPDX-License-Identifier: Apache-2.0
import type { SliceComparison } from '../evaluation-jobs/compare-evaluation-jobs';
import type { HyperparameterValue } from '../jobs/hyperparameters';
import type { GateOutcome } from '../pipelines/gate';
import type { PipelineSpec } from '../pipelines/pipeline';

export const runStates = [
  'preparing',
  'training',
  'registering',
  'evaluating',
  'gate_failed',
  'awaiting_approval',
  'succeeded',
  'failed',
  'rejected',
  'cancelled',
] as const;
export type RunState = (typeof runStates)[number];

const next: Record<RunState, readonly RunState[]> = {
  preparing: ['training', 'failed', 'cancelled'],
  training: ['registering', 'failed', 'cancelled'],
  registering: ['evaluating', 'failed', 'cancelled'],
  evaluating: ['gate_failed', 'awaiting_approval', 'succeeded', 'failed', 'cancelled'],
  // Forced on by a person with a reason.
  gate_failed: ['awaiting_approval', 'succeeded', 'failed', 'cancelled'],
  awaiting_approval: ['succeeded', 'rejected', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  rejected: [],
  cancelled: [],
};

export const isEnded = (state: RunState): boolean => next[state].length === 0;
export const mayMoveRun = (from: RunState, to: RunState): boolean => next[from].includes(to);

export interface RunOverrides {
  useFeedback: boolean;
  /** Train on these instead of the policy's datasets; empty = the policy's. */
  trainDatasetVersionIds: string[];
  /** Prompt template of those; empty = the policy's. */
  trainPromptTemplate: string;
  hyperparameters: Record<string, HyperparameterValue>;
  reason: string;
}

/** What the run has made so far. Written by its driver only. */
export interface RunWork {
  feedbackVersionId?: string;
  feedbackRows?: number;
  jobId?: string;
  modelDigest?: string;
  evaluationJobId?: string;
  championVersion?: number;
  championEvaluationJobId?: string;
  gate?: GateOutcome[];
  comparisons?: SliceComparison[];
  approvalId?: string;
  /** When the alias was first asked for, by the database's clock; ISO. */
  askedTime?: string;
}

/** What others have told about the run. Written by consumers and doors; the driver reads them. */
export interface RunFacts {
  modelVersion?: number;
  aliasMoved?: { by: string; reason: string };
  approval?: { state: 'approved' | 'rejected' | 'expired' | 'cancelled'; by: string; reason: string };
  force?: { by: string; reason: string };
}

export interface PipelineRunRecord {
  workspace: string;
  id: string;
  pipelineId: string;
  pipelineName: string;
  state: RunState;
  /** Why it is in that state. */
  reason: string;
  /** Policy that the run started with. */
  spec: PipelineSpec;
  overrides: RunOverrides;
  proposalId: string;
  startedBy: string;
  work: RunWork;
  facts: RunFacts;
  /** Error of the step that is being tried again, or empty. */
  lastError: string;
  failures: number;
  version: number;
  leaseToken: string;
  createTime: Date;
  endTime: Date | null;
  updateTime: Date;
}

/** A run that this process drives now. */
export interface ClaimedRun extends PipelineRunRecord {
  /** When it was claimed, by the database's clock: the next step may be made by a process with another clock. */
  claimTime: Date;
}

/** What a step of a run decides. Work is merged; without a state the run stays and is looked at again after `waitSeconds`. */
export interface StepOutcome {
  state?: RunState;
  reason?: string;
  work?: RunWork;
  waitSeconds?: number;
  /** Said while the run waits for something that should come soon. */
  lastError?: string;
}
