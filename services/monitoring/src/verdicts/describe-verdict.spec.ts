// SPDX-License-Identifier: Apache-2.0
import { describeVerdict } from './describe-verdict';
import { decideVerdict, VERDICT_POLICY_DEFAULT, type VerdictInput } from './rollout-verdict';

describe('describe verdict', () => {
  const input = (stable: number, canary: number, count = 400): VerdictInput => ({
    policy: VERDICT_POLICY_DEFAULT,
    stage: '1',
    quality: [{ stage: '1', stable: { count, good: stable }, canary: { count, good: canary } }],
    guards: [],
    assignments: [],
    looksTaken: 0,
    observedSeconds: 0,
  });
  const say = (given: VerdictInput): string => describeVerdict(decideVerdict(given), given);

  it('says promote with look, boundary and counts', () => {
    expect(say(input(240, 290))).toMatch(
      /^promote: the candidate is better; look 5 of 5, z 5\.\d+ against 1\.75, difference 12\.5%; candidate 290 of 400 good, control 240 of 400 good$/,
    );
    expect(say(input(240, 252))).toContain('promote: the candidate is not worse by 5.0%');
  });

  it('says how much harm is sure', () => {
    expect(say(input(300, 150))).toMatch(/^rollback: quality is worse by 37\.5% \(at least 2\d\.\d%, at every time\)/);
  });

  it('says why it holds', () => {
    expect(say(input(240, 225))).toContain('hold: inconclusive, looks_exhausted; look 5 of 5');
    expect(say(input(3, 2, 5))).toBe('hold: too_few_events; candidate 2 of 5 good, control 3 of 5 good');
  });
});
