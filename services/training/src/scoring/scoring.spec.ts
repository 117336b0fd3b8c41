// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';
import { BagOfWordsClassifier, majorityLabel, wordFeatures } from './bag-of-words';
import { scoreAnswers } from './classification';
import { bootstrapInterval, wilsonInterval } from './intervals';
import { compareByMcNemar, packBits, unpackBits } from './mcnemar';

describe('wilsonInterval', () => {
  // 81 of 263 is the example of Newcombe (Statistics in Medicine, 1998); the ends follow from z^2 / (n + z^2).
  it.each([
    [0, 10, 0, 0.2775],
    [5, 10, 0.2366, 0.7634],
    [81, 263, 0.2553, 0.3662],
    [10, 10, 0.7225, 1],
  ])('%i of %i: %f to %f', (hits, rows, low, high) => {
    const interval = wilsonInterval(hits, rows);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('covers the true share about 95 % of the time', () => {
    const random = seededRandom(7);
    let covered = 0;
    for (let run = 0; run < 2000; run += 1) {
      const hits = Array.from({ length: 80 }, () => random() < 0.8).filter(Boolean).length;
      const { low, high } = wilsonInterval(hits, 80);
      if (low <= 0.8 && 0.8 <= high) covered += 1;
    }
    expect(covered / 2000).toBeGreaterThan(0.93);
    expect(covered / 2000).toBeLessThan(0.975);
  });
});

describe('bootstrapInterval', () => {
  it('is the same for the same seed and close to the normal interval of a share', () => {
    const right = Array.from({ length: 400 }, (_, row) => row % 4 !== 0);
    const share = (drawn: Int32Array): number => drawn.reduce((sum, row) => sum + (right[row] ? 1 : 0), 0) / drawn.length;
    const first = bootstrapInterval(400, share, { seed: 1, resamples: 2000 });
    expect(bootstrapInterval(400, share, { seed: 1, resamples: 2000 })).toEqual(first);
    expect(bootstrapInterval(400, share, { seed: 2, resamples: 2000 })).not.toEqual(first);
    const margin = 1.96 * Math.sqrt((0.75 * 0.25) / 400);
    expect(Math.abs(first.low - (0.75 - margin))).toBeLessThan(0.01);
    expect(Math.abs(first.high - (0.75 + margin))).toBeLessThan(0.01);
  });
});

describe('scoreAnswers', () => {
  it('counts accuracy, macro-F1, recall, precision and answers that are no label', () => {
    const sheet = { expected: ['a', 'a', 'a', 'b', 'b', 'c'], predicted: ['a', 'a', 'b', 'b', 'zebra', 'd'] };
    const score = scoreAnswers(sheet, { knownLabels: new Set(['d']), seed: 1, resamples: 200 });
    expect(score.metrics[0]).toMatchObject({ metric: 'accuracy', value: 0.5, rows: 6 });
    // F1: a = 4/5, b = 2/4, c = 0.
    expect(score.metrics[1]?.value).toBeCloseTo((0.8 + 0.5 + 0) / 3, 12);
    expect(score.labels).toEqual([
      { label: 'a', rows: 3, recall: 2 / 3, precision: 1 },
      { label: 'b', rows: 2, recall: 0.5, precision: 0.5 },
      { label: 'c', rows: 1, recall: 0, precision: 0 },
    ]);
    expect(score.invalidAnswers).toBe(1);
    expect(score.right).toEqual([true, true, false, true, false, false]);
  });
});

describe('compareByMcNemar', () => {
  // Exact sums of binomial coefficients, by integer arithmetic (Python's fractions).
  it.each([
    [0, 0, 1],
    [1, 8, 0.0390625],
    [10, 20, 0.0987371],
    [300, 400, 0.000178476],
  ])('%i against %i rows that one alone answered right: p = %f', (onlyCandidate, onlyControl, pValue) => {
    const pairs = [
      ...Array(onlyCandidate).fill([true, false]),
      ...Array(onlyControl).fill([false, true]),
      [true, true],
      [false, false],
    ] as [boolean, boolean][];
    const comparison = compareByMcNemar(
      pairs.map(([a]) => a),
      pairs.map(([, b]) => b),
    );
    expect(comparison).toMatchObject({ rows: pairs.length, candidateOnlyRight: onlyCandidate, controlOnlyRight: onlyControl });
    expect(comparison.pValue).toBeCloseTo(pValue, 6);
    expect(comparison.difference).toBeCloseTo((onlyCandidate - onlyControl) / pairs.length, 12);
  });

  it('refuses sheets of different length', () => {
    expect(() => compareByMcNemar([true], [])).toThrow('paired rows differ: 1 and 0');
  });

  it('packs bits and back, and refuses a wrong number of rows', () => {
    const bits = Array.from({ length: 21 }, (_, row) => row % 3 === 0);
    expect(unpackBits(packBits(bits), 21)).toEqual(bits);
    expect(() => unpackBits(packBits(bits), 40)).toThrow('3 bytes do not hold 40 rows');
  });
});

describe('BagOfWordsClassifier', () => {
  const kinds = { animal: ['bird', 'fish', 'legs', 'fur'], plant: ['tree', 'leaf', 'herb', 'root'] };
  const random = seededRandom(3);
  const rows = Array.from({ length: 200 }, (_, index) => {
    const label = index % 4 === 0 ? 'animal' : 'plant';
    const noise = `of the ${Math.floor(random() * 30)}`;
    return { label, text: `a ${kinds[label][Math.floor(random() * 4)]} ${noise}` };
  });

  it('learns which words tell, better than the majority, and the same each time', () => {
    const model = BagOfWordsClassifier.train(rows.slice(0, 150));
    const again = BagOfWordsClassifier.train(rows.slice(0, 150));
    const held = rows.slice(150);
    const right = held.filter((row) => model.predict(row.text) === row.label).length;
    expect(majorityLabel(rows)).toBe('plant');
    expect(right / held.length).toBeGreaterThan(0.95);
    expect(held.map((row) => again.predict(row.text))).toEqual(held.map((row) => model.predict(row.text)));
  });

  it('uses words and neighbouring pairs once each, in lower case', () => {
    expect(wordFeatures('The cat, the CAT!')).toEqual(['the', 'cat', 'the cat', 'cat the']);
  });
});
