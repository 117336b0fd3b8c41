// SPDX-License-Identifier: Apache-2.0
import { checkEvidence, type Evaluation, type EvidenceRule } from './evidence';

function measured(value: number, change: Partial<Evaluation> = {}): Evaluation {
  return {
    manifestDigest: 'm',
    slice: 'period-1',
    metric: 'accuracy',
    evaluationJobId: 'e',
    value,
    low: value - 0.02,
    high: value + 0.02,
    confidence: 0.95,
    rows: 700,
    datasetVersionId: 'd',
    contentDigest: 'rows-1',
    baselines: {},
    scorerVersion: 's',
    endTime: new Date(0),
    ...change,
  };
}

const rule = (change: Partial<EvidenceRule> = {}): EvidenceRule => ({
  slice: 'period-1',
  metric: 'accuracy',
  valueMin: 0,
  dropMax: -1,
  ...change,
});

describe('evidence', () => {
  it('passes what satisfies every rule', () => {
    const rules = [rule({ valueMin: 0.6 }), rule({ dropMax: 0.05 })];
    expect(checkEvidence(rules, [measured(0.6)], [measured(0.65)])).toEqual([]);
  });

  it('never passes on missing data', () => {
    expect(checkEvidence([rule()], [], undefined)).toEqual([
      { kind: 'missing', text: 'period-1/accuracy was never measured on this version' },
    ]);
    expect(checkEvidence([rule({ valueMin: 0.1 })], [measured(NaN)], undefined)[0]).toMatchObject({ kind: 'failed' });
    expect(checkEvidence([rule({ dropMax: 1 })], [measured(0.9)], [measured(NaN)])[0]).toMatchObject({ kind: 'failed' });
  });

  it('compares with the current version on the same rows only', () => {
    const other = measured(0.2, { contentDigest: 'rows-2' });
    expect(checkEvidence([rule({ dropMax: 0.5 })], [measured(0.6)], [other])[0]).toMatchObject({ kind: 'missing' });
    expect(checkEvidence([rule({ dropMax: 0.5 })], [measured(0.6)], undefined)).toEqual([]);
    expect(checkEvidence([rule({ dropMax: -1 })], [measured(0.1)], [measured(0.9)])).toEqual([]);
  });

  it('takes the newest measurement, counts an equal value as no drop, and says figures', () => {
    expect(checkEvidence([rule({ dropMax: 0 })], [measured(0.7)], [measured(0.7)])).toEqual([]);
    expect(checkEvidence([rule({ dropMax: 0.1 })], [measured(0.1 + 0.2)], [measured(0.4)])).toEqual([]);
    const findings = checkEvidence([rule({ valueMin: 0.6, dropMax: 0.05 })], [measured(0.5), measured(0.9)], [measured(0.62)]);
    expect(findings.map((finding) => finding.text)).toEqual([
      'period-1/accuracy 0.5 [0.48, 0.52] on 700 rows is below 0.6',
      "period-1/accuracy 0.5 [0.48, 0.52] on 700 rows is more than 0.05 below the current version's 0.62 [0.6, 0.64] on 700 rows",
    ]);
  });
});
