// SPDX-License-Identifier: Apache-2.0
import { proposalReasons } from './retraining-proposal';

describe('retraining proposal', () => {
  const policy = { correctionsMin: 100, volumeMin: 1000 };
  const drift = { alertId: 'a1', kind: 'drift', summary: 'more plant 3% to 21%' };

  it('needs an alarm and corrections to learn from, or many corrections', () => {
    expect(proposalReasons({ openAlerts: [drift], corrections: 99 }, policy)).toEqual([]);
    expect(proposalReasons({ openAlerts: [drift], corrections: 100 }, policy)).toEqual([
      'drift: more plant 3% to 21% (alert a1)',
    ]);
    expect(proposalReasons({ openAlerts: [], corrections: 999 }, policy)).toEqual([]);
    expect(proposalReasons({ openAlerts: [], corrections: 1000 }, policy)).toEqual(['volume: 1000 accepted corrections wait']);
  });

  it('does not propose because data stopped coming', () => {
    expect(proposalReasons({ openAlerts: [{ ...drift, kind: 'no_data' }], corrections: 500 }, policy)).toEqual([]);
  });
});
