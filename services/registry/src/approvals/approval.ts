// SPDX-License-Identifier: Apache-2.0
import { RegistryErrors } from '../registry.errors';

export type ApprovalState = 'PENDING' | 'APPROVED' | 'REJECTED' | 'EXPIRED' | 'CANCELLED';

export interface Vote {
  subject: string;
  approve: boolean;
  comment: string;
  voteTime: Date;
}

/** A request to move a protected alias. */
export interface Approval {
  id: string;
  modelName: string;
  alias: string;
  version: number;
  state: ApprovalState;
  requestedBy: string;
  reason: string;
  approvalsRequired: number;
  votes: Vote[];
  /** Evidence rules that failed and were forced. */
  forcedRules: string[];
  pipelineRunId: string;
  createTime: Date;
  expireTime: Date;
  updateTime: Date;
}

/** State at that time: a pending approval past its end is expired, even before the sweep writes it down. */
export function stateAt(approval: Approval, now: Date): ApprovalState {
  return approval.state === 'PENDING' && approval.expireTime <= now ? 'EXPIRED' : approval.state;
}

/**
 * What a vote makes of an approval. Four eyes: who asked may withdraw (a no) but never approve. One vote a person. One no ends
 * it; as many yes as required approve it.
 */
export function castVote(approval: Approval, vote: Vote): ApprovalState {
  const state = stateAt(approval, vote.voteTime);
  if (state !== 'PENDING') {
    throw RegistryErrors.APPROVAL_CLOSED(`approval ${approval.id} is ${state.toLowerCase()}`, { approvalId: approval.id, state });
  }
  if (approval.votes.some((other) => other.subject === vote.subject)) {
    throw RegistryErrors.ALREADY_VOTED(`${vote.subject} voted on approval ${approval.id} already`, { approvalId: approval.id });
  }
  if (vote.subject === approval.requestedBy) {
    if (vote.approve) {
      throw RegistryErrors.OWN_APPROVAL(`${vote.subject} asked for this move, so another person must approve it`, {
        approvalId: approval.id,
      });
    }
    return 'CANCELLED';
  }
  if (!vote.approve) return 'REJECTED';
  const yes = approval.votes.filter((other) => other.approve).length + 1;
  return yes >= approval.approvalsRequired ? 'APPROVED' : 'PENDING';
}
