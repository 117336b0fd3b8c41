// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { ProposalPolicy } from './retraining-proposal';

export type ProposalState = 'open' | 'accepted' | 'refused' | 'expired';

/** Where an alias points. */
export interface ServedVersion {
  workspace: string;
  modelName: string;
  alias: string;
  version: number;
  moveTime: Date;
  /** aggregate_version of the event: an older one is ignored; 0 = the producer keeps none, applied always. */
  sequence: number;
}

export interface Proposal {
  workspace: string;
  id: string;
  modelName: string;
  endpoint: string;
  modelVersion: number;
  state: ProposalState;
  reasons: string[];
  corrections: number;
  pipelineRunId: string;
  resolveReason: string;
  createTime: Date;
  resolveTime: Date | null;
}

/** A model that might need a proposal. */
export interface Candidate {
  workspace: string;
  modelName: string;
  endpoint: string;
  corrections: number;
  /** Those that arrived before the raters were last judged. */
  reviewedCorrections: number;
  /** The model's own, or else the given one. */
  policy: ProposalPolicy;
}

export interface CandidateChoice {
  /** Of models that have none of their own. */
  policy: ProposalPolicy;
  /** Models behind this one in order; undefined = from the first. */
  after: Pick<Candidate, 'workspace' | 'modelName'> | undefined;
  rowsMax: number;
}

export abstract class ProposalsRepository {
  /** Models without an open proposal whose waiting corrections (accepted since the last accepted one) could be enough, in order. */
  abstract candidates(db: Queryable, choice: CandidateChoice): Promise<Candidate[]>;
  abstract putPolicy(db: Queryable, workspace: string, modelName: string, policy: ProposalPolicy): Promise<void>;
  abstract servedVersion(db: Queryable, workspace: string, modelName: string, alias: string): Promise<number>;
  /** Leaves a later move as it is. */
  abstract putServedVersion(db: Queryable, served: ServedVersion): Promise<void>;
  /** False when the model has an open proposal already. */
  abstract insert(db: Queryable, proposal: Proposal): Promise<boolean>;
  abstract lock(db: Queryable, workspace: string, id: string): Promise<Proposal | undefined>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Proposal | undefined>;
  abstract save(db: Queryable, proposal: Proposal): Promise<void>;
  abstract list(
    db: Queryable,
    filter: { workspace: string; state?: string; modelName?: string },
    page: { before?: string; size: number },
  ): Promise<Proposal[]>;
}
