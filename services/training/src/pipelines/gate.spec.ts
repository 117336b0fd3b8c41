// SPDX-License-Identifier: Apache-2.0
import type { EvaluationResult } from '../jobs/job';
import { applyGate, type GateRule } from './gate';

const result = (value: number): EvaluationResult => ({
  kind: 'evaluation',
  slices: [
    {
      slice: 'period-1',
      datasetVersionId: 'v',
      contentDigest: 'd',
      metrics: [{ metric: 'accuracy', value, low: 0, high: 1, confidence: 0.95, rows: 700, baselines: {} }],
      labels: [],
      invalidAnswers: 0,
      rightBits: '',
    },
  ],
  answersDigest: '',
  scorerVersion: 's',
  durationSeconds: 1,
});
const rule = (over: Partial<GateRule> = {}): GateRule => ({
  slice: 'period-1',
  metric: 'accuracy',
  valueMin: 0,
  dropMax: -1,
  ...over,
});

describe('applyGate', () => {
  it.each([
    ['a value at its minimum passes', rule({ valueMin: 0.7 }), 0.7, undefined, true],
    ['a value below its minimum fails', rule({ valueMin: 0.7 }), 0.69, undefined, false],
    ['a drop of exactly the tolerance passes', rule({ dropMax: 0.03 }), 0.77, 0.8, true],
    ['a larger drop fails', rule({ dropMax: 0.03 }), 0.76, 0.8, false],
    ['without a champion there is nothing to drop against', rule({ dropMax: 0.03 }), 0.1, undefined, true],
    ['a gain passes', rule({ dropMax: 0 }), 0.9, 0.8, true],
  ])('%s', (_name, asked, candidate, champion, passed) => {
    const [outcome] = applyGate([asked], result(candidate), champion === undefined ? undefined : result(champion));
    expect(outcome?.passed).toBe(passed);
  });

  it('never passes what was not measured, for the model or for the champion', () => {
    const [model] = applyGate([rule({ metric: 'macro_f1', valueMin: 0.1 })], result(0.9), undefined);
    expect(model).toMatchObject({ passed: false, reason: 'macro_f1 on period-1 was not measured' });
    const empty = { ...result(0.9), slices: [] };
    const [champion] = applyGate([rule({ dropMax: 0.05 })], result(0.9), empty);
    expect(champion).toMatchObject({ passed: false, reason: 'accuracy on period-1 was not measured for the champion' });
  });

  it('says the decision with its figures', () => {
    const [outcome] = applyGate([rule({ dropMax: 0.03 })], result(0.7), result(0.8));
    expect(outcome).toMatchObject({
      value: 0.7,
      championValue: 0.8,
      reason: "accuracy on period-1 is 0.700, the champion's is 0.800, a drop of at most 0.030 is allowed",
    });
  });
});
