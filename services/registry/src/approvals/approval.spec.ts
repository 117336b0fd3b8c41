// SPDX-License-Identifier: Apache-2.0
import { type Approval, castVote, stateAt, type Vote } from './approval';

const now = new Date('2026-11-23T12:00:00Z');
const vote = (subject: string, approve = true): Vote => ({ subject, approve, comment: '', voteTime: now });

function approval(change: Partial<Approval> = {}): Approval {
  return {
    id: 'a-1',
    modelName: 'm',
    alias: 'champion',
    version: 2,
    state: 'PENDING',
    requestedBy: 'ann',
    reason: '',
    approvalsRequired: 2,
    votes: [],
    forcedRules: [],
    pipelineRunId: '',
    createTime: now,
    expireTime: new Date(now.getTime() + 1000),
    updateTime: now,
    ...change,
  };
}

describe('approvals', () => {
  it('approve with as many yes as required, from different people', () => {
    expect(castVote(approval(), vote('bob'))).toBe('PENDING');
    expect(castVote(approval({ votes: [vote('bob')] }), vote('cem'))).toBe('APPROVED');
    expect(() => castVote(approval({ votes: [vote('bob')] }), vote('bob'))).toThrow(
      expect.objectContaining({ code: 'REGISTRY.ALREADY_VOTED' }),
    );
  });

  it('end with one no, and with the withdrawal of who asked', () => {
    expect(castVote(approval({ votes: [vote('bob')] }), vote('cem', false))).toBe('REJECTED');
    expect(castVote(approval(), vote('ann', false))).toBe('CANCELLED');
  });

  it('never count the yes of who asked', () => {
    expect(() => castVote(approval({ approvalsRequired: 1 }), vote('ann'))).toThrow(
      expect.objectContaining({ code: 'REGISTRY.OWN_APPROVAL' }),
    );
  });

  it('close: decided, expired by the clock, or cancelled', () => {
    for (const closed of [approval({ state: 'APPROVED' }), approval({ state: 'CANCELLED' }), approval({ expireTime: now })]) {
      expect(() => castVote(closed, vote('bob'))).toThrow(expect.objectContaining({ code: 'REGISTRY.APPROVAL_CLOSED' }));
    }
    expect(stateAt(approval({ expireTime: now }), now)).toBe('EXPIRED');
    expect(stateAt(approval({ state: 'APPROVED', expireTime: now }), now)).toBe('APPROVED');
  });
});
