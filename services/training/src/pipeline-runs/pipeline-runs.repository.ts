// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { ClaimedRun, PipelineRunRecord, RunFacts, RunState, RunWork } from './pipeline-run';

export type NewPipelineRun = Pick<
  PipelineRunRecord,
  'workspace' | 'id' | 'pipelineId' | 'pipelineName' | 'spec' | 'overrides' | 'proposalId' | 'startedBy' | 'reason'
>;

export interface RunKey {
  workspace: string;
  id: string;
}

export interface RunFilter {
  pipelineId?: string;
  state?: RunState;
  proposalId?: string;
}

export interface RunChanges {
  state: RunState;
  reason: string;
  work: RunWork;
  lastError: string;
  failures: number;
  waitSeconds: number;
  ended: boolean;
}

/** Runs of pipelines. */
export abstract class PipelineRunsRepository {
  /** Undefined when the pipeline has a run for this proposal already. */
  abstract insert(tx: Transaction, run: NewPipelineRun): Promise<PipelineRunRecord | undefined>;
  abstract find(db: Queryable, key: RunKey): Promise<PipelineRunRecord | undefined>;
  abstract lock(tx: Transaction, key: RunKey): Promise<PipelineRunRecord | undefined>;
  abstract list(
    db: Queryable,
    workspace: string,
    filter: RunFilter,
    page: { size: number; after?: { createTime: string; id: string } },
  ): Promise<PipelineRunRecord[]>;
  /** A run whose next look is due, with a new fencing token. */
  abstract claim(db: Queryable, leaseSeconds: number): Promise<ClaimedRun | undefined>;
  /** Writes a step and gives the lease back. */
  abstract save(tx: Transaction, run: PipelineRunRecord, changes: RunChanges): Promise<PipelineRunRecord>;
  /** Adds what others told; the run is looked at next. False when it does not exist or has ended. */
  abstract addFacts(tx: Transaction, key: RunKey, facts: RunFacts): Promise<boolean>;
  /** Open runs that made this model version and ask for this alias. */
  abstract findByVersion(
    tx: Transaction,
    workspace: string,
    version: { modelName: string; alias: string; modelVersion: number },
  ): Promise<RunKey[]>;
  /** Runs that have not ended, over all workspaces. */
  abstract countOpen(db: Queryable): Promise<{ state: RunState; retrying: boolean; count: number }[]>;
}
