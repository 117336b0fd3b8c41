// SPDX-License-Identifier: Apache-2.0
import { proposalReasons, type ProposalFacts } from './retraining-proposal';

describe('retraining proposal', () => {
  const policy = { correctionsMin: 100, volumeMin: 1000 };
  const drift = { alertId: 'a1', kind: 'drift', summary: 'more plant 3% to 21%' };

  const reasons = (openAlerts: ProposalFacts['openAlerts'], corrections: number, reviewedCorrections = corrections): string[] =>
    proposalReasons({ openAlerts, corrections, reviewedCorrections }, policy);

  it('waits until the raters behind most corrections were judged', () => {
    expect(reasons([drift], 500, 399)).toEqual([]);
    expect(reasons([drift], 500, 400)).toHaveLength(1);
    expect(reasons([], 2000, 0)).toEqual([]);
  });

  it('needs an alarm and corrections to learn from, or many corrections', () => {
    expect(reasons([drift], 99)).toEqual([]);
    expect(reasons([drift], 100)).toEqual(['drift: more plant 3% to 21% (alert a1)']);
    expect(reasons([], 999)).toEqual([]);
    expect(reasons([], 1000)).toEqual(['volume: 1000 accepted corrections wait']);
  });

  it('does not propose because data stopped coming', () => {
    expect(reasons([{ ...drift, kind: 'no_data' }], 500)).toEqual([]);
  });
});
