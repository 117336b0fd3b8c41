// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { StageAssignment } from '../statistics/sample-ratio';
import type { StageCounts } from '../statistics/two-arm-difference';
import type { VerdictInput, VerdictOutcome, VerdictPolicy, VerdictResult } from '../verdicts/rollout-verdict';

/** A rollout of the gateway, as far as it is judged here. */
export interface Rollout {
  workspace: string;
  id: string;
  endpoint: string;
  alias: string;
  modelName: string;
  controlVersion: number;
  candidateVersion: number;
  metric: string;
  /** What the gateway asked for; the rest comes from the settings. */
  policy: Partial<VerdictPolicy>;
  state: 'live' | 'finished';
  outcome: string;
  step: number;
  looksTaken: number;
  /** The current step has its verdict: nothing more is said until the gateway moves. */
  decided: boolean;
  verdictCount: number;
  lastResult: Partial<VerdictResult>;
  startTime: Date;
  endTime: Date | null;
  evaluateTime: Date;
}

export interface RolloutStep {
  step: number;
  candidatePercent: number;
  startTime: Date;
}

/** A decision with everything that it was made from. */
export interface Verdict {
  workspace: string;
  id: string;
  rolloutId: string;
  endpoint: string;
  step: number;
  outcome: VerdictOutcome;
  look: number;
  reason: string;
  evidence: VerdictEvidence;
  decideTime: Date;
}

export interface VerdictEvidence {
  schema: 'millrace.verdict/v1';
  input: VerdictInput;
  /** sha256 (hex) of the input as JSON with sorted keys. */
  inputDigest: string;
  result: VerdictResult;
}

export interface RolloutCounts {
  quality: StageCounts[];
  failures: StageCounts[];
  assignments: StageAssignment[];
}

export abstract class RolloutsRepository {
  /** Due at once. One that is known stays as it is. */
  abstract upsert(db: Queryable, rollout: Omit<Rollout, 'evaluateTime'>): Promise<void>;
  abstract putStep(db: Queryable, key: { workspace: string; rolloutId: string }, step: RolloutStep): Promise<void>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Rollout | undefined>;
  abstract lock(db: Queryable, workspace: string, id: string): Promise<Rollout | undefined>;
  abstract save(db: Queryable, rollout: Rollout): Promise<void>;
  abstract list(
    db: Queryable,
    filter: { workspace: string; endpoint?: string },
    page: { before?: string; size: number },
  ): Promise<Rollout[]>;
  abstract steps(db: Queryable, workspace: string, rolloutId: string): Promise<RolloutStep[]>;
  /** Locks one that is due and that no other process judges. */
  abstract claimDue(db: Queryable): Promise<Rollout | undefined>;
  /** Due again after so many seconds, and otherwise as it was. */
  abstract putOff(db: Queryable, rollout: Rollout, seconds: number): Promise<void>;
  abstract counts(db: Queryable, rollout: Rollout): Promise<RolloutCounts>;
  abstract insertVerdict(db: Queryable, verdict: Verdict): Promise<void>;
  abstract verdicts(
    db: Queryable,
    filter: { workspace: string; rolloutId?: string },
    page: { before?: string; size: number },
  ): Promise<Verdict[]>;
  abstract findVerdict(db: Queryable, workspace: string, id: string): Promise<Verdict | undefined>;
}
