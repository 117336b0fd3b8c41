// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '../statistics/seeded-random';
import type { ArmCount } from '../statistics/two-arm-difference';
import {
  decideVerdict,
  VERDICT_POLICY_DEFAULT,
  type VerdictInput,
  type VerdictOutcome,
  type VerdictPolicy,
} from './rollout-verdict';

interface RolloutRun {
  outcome: VerdictOutcome;
  perArm: number;
  reasons: string[];
}

// One simulated rollout: both arms get 20 rated requests at a time and the verdict is asked each time, as the service does.
function simulate(rates: { stable: number; canary: number }, policy: VerdictPolicy, random: () => number): RolloutRun {
  const stable: ArmCount = { count: 0, good: 0 };
  const canary: ArmCount = { count: 0, good: 0 };
  let looksTaken = 0;
  while (stable.count < policy.eventsPerArmMax) {
    for (let event = 0; event < 20; event += 1) {
      stable.count += 1;
      canary.count += 1;
      if (random() < rates.stable) stable.good += 1;
      if (random() < rates.canary) canary.good += 1;
    }
    const input: VerdictInput = {
      policy,
      stage: '1',
      quality: [{ stage: '1', stable, canary }],
      guards: [],
      assignments: [{ stage: '1', stable: stable.count, canary: canary.count, canaryShare: 0.5 }],
      looksTaken,
      observedSeconds: 60,
    };
    const verdict = decideVerdict(input);
    looksTaken = verdict.looksTaken;
    if (verdict.outcome !== 'hold') return { outcome: verdict.outcome, perArm: stable.count, reasons: verdict.reasons };
  }
  return { outcome: 'hold', perArm: stable.count, reasons: [] };
}

function shares(
  rates: { stable: number; canary: number },
  policy: Partial<VerdictPolicy>,
  runs: number,
): Record<VerdictOutcome | 'mean', number> {
  const random = seededRandom(Math.round(rates.stable * 1000 + rates.canary * 10));
  const counts = { promote: 0, rollback: 0, hold: 0, mean: 0 };
  for (let run = 0; run < runs; run += 1) {
    const result = simulate(rates, { ...VERDICT_POLICY_DEFAULT, ...policy }, random);
    counts[result.outcome] += 1;
    counts.mean += result.perArm;
  }
  return { promote: counts.promote / runs, rollback: counts.rollback / runs, hold: counts.hold / runs, mean: counts.mean / runs };
}

describe('rollout verdict, simulated error rates (seeded, 2,000 rollouts each)', () => {
  it('promotes a really better version (.59 to .70) nearly always, with about half of the planned events', () => {
    const found = shares({ stable: 0.59, canary: 0.7 }, {}, 2000);
    expect(found.promote).toBeGreaterThan(0.985);
    expect(found.mean).toBeLessThan(230);
  });

  it('shows superiority of .59 to .70 in about 94 %', () => {
    const found = shares({ stable: 0.59, canary: 0.7 }, { goal: 'superior' }, 2000);
    expect(found.promote).toBeGreaterThan(0.91);
    expect(found.mean).toBeLessThan(300);
  });

  it('promotes a version that is worse by exactly the margin in at most 5 % (+ noise)', () => {
    const found = shares({ stable: 0.6, canary: 0.55 }, {}, 2000);
    expect(found.promote).toBeLessThan(0.06);
  });

  it('never promotes a bad version (.70 to .45) and rolls it back, early', () => {
    const found = shares({ stable: 0.7, canary: 0.45 }, {}, 1000);
    expect(found.promote).toBe(0);
    expect(found.rollback).toBeGreaterThan(0.99);
    expect(found.mean).toBeLessThan(160);
  });

  it('rolls back an equal version in at most 5 % however often it looks; the rest is promoted or held', () => {
    const found = shares({ stable: 0.6, canary: 0.6 }, {}, 2000);
    expect(found.rollback).toBeLessThan(0.05);
    expect(found.promote).toBeGreaterThan(0.3);
    expect(found.promote).toBeLessThan(0.5);
  });
});

describe('rollout verdict, rules', () => {
  const good = (count: number, rate: number): ArmCount => ({ count, good: Math.round(count * rate) });
  const input = (changes: Partial<VerdictInput> = {}): VerdictInput => ({
    policy: VERDICT_POLICY_DEFAULT,
    stage: '1',
    quality: [{ stage: '1', stable: good(400, 0.6), canary: good(400, 0.72) }],
    guards: [],
    assignments: [{ stage: '1', stable: 900, canary: 100, canaryShare: 0.1 }],
    looksTaken: 0,
    observedSeconds: 3600,
    ...changes,
  });

  it('promotes with its look, boundary and spent alpha recorded', () => {
    const verdict = decideVerdict(input());
    expect(verdict.outcome).toBe('promote');
    expect(verdict.reasons).toEqual(['non_inferior', 'superior']);
    expect(verdict.look).toMatchObject({ number: 5, of: 5 });
    expect(verdict.look?.alphaSpent).toBeCloseTo(0.05, 3);
  });

  it('gives the same answer when it is computed again from its stored input', () => {
    const stored = JSON.parse(JSON.stringify(input())) as VerdictInput;
    expect(decideVerdict(stored)).toEqual(decideVerdict(input()));
  });

  it.each([
    ['no rated request at all', { quality: [] }, 'no_data'],
    ['no rated request on the canary', { quality: [{ stage: '1', stable: good(400, 0.9), canary: good(0, 0) }] }, 'no_data'],
    ['too few', { quality: [{ stage: '1', stable: good(400, 0.6), canary: good(12, 1) }] }, 'too_few_events'],
    ['a broken split', { assignments: [{ stage: '1', stable: 900, canary: 180, canaryShare: 0.1 }] }, 'sample_ratio_mismatch'],
    ['a short dwell', { policy: { ...VERDICT_POLICY_DEFAULT, dwellSeconds: 7200 } }, 'dwell_not_over'],
    ['a look already taken', { looksTaken: 5 }, 'looks_exhausted'],
  ])('holds on %s', (_name, changes, reason) => {
    const verdict = decideVerdict(input(changes));
    expect(verdict.outcome).toBe('hold');
    expect(verdict.reasons).toContain(reason);
  });

  it('rolls back on a guard although quality is better, and on harm even when the split is broken', () => {
    const failing = { name: 'errors', stages: [{ stage: '1', stable: good(900, 0.999), canary: good(100, 0.7) }] };
    expect(decideVerdict(input({ guards: [failing] }))).toMatchObject({ outcome: 'rollback', reasons: ['guard_harm'] });
    const harmful = input({
      quality: [{ stage: '1', stable: good(300, 0.8), canary: good(100, 0.4) }],
      assignments: [{ stage: '1', stable: 900, canary: 300, canaryShare: 0.1 }],
    });
    expect(decideVerdict(harmful)).toMatchObject({ outcome: 'rollback', reasons: ['quality_harm'] });
  });

  it('compares arms within a stage only: a share that grows while quality falls for all is no effect (Simpson)', () => {
    const verdict = decideVerdict(
      input({
        quality: [
          { stage: '1', stable: good(900, 0.9), canary: good(100, 0.9) },
          { stage: '2', stable: good(100, 0.5), canary: good(900, 0.5) },
        ],
        assignments: [],
      }),
    );
    expect(verdict.harm[0]?.difference).toBeCloseTo(0, 10);
    expect(verdict.outcome).not.toBe('rollback');
    expect(verdict.quality?.canaryRate).toBeCloseTo(0.9, 10);
  });
});
