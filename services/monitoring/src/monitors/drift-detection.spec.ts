// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '../statistics/seeded-random';
import { detectDrift, DRIFT_POLICY_DEFAULT, type DriftRow } from './drift-detection';

const COMMON = 'a small animal with four legs kept as pet used for making food from the seeds of plants person who works'.split(
  ' ',
);
const RARE = 'genus perennial tropical american evergreen rhizome inflorescence alkaloid polymer compound'.split(' ');

function rows(count: number, random: () => number, shape: { rare: number; plants: number; words?: number }): DriftRow[] {
  const pick = (words: string[]): string => words[Math.floor(random() * words.length)] ?? '';
  return Array.from({ length: count }, (_, index) => ({
    id: `r${index}`,
    input: Array.from({ length: (shape.words ?? 7) + Math.floor(random() * 4) }, () =>
      pick(random() < shape.rare ? RARE : COMMON),
    ).join(' '),
    answer: random() < shape.plants ? 'plant' : (['animal', 'food', 'person'][Math.floor(random() * 3)] ?? ''),
  }));
}

const POLICY = { ...DRIFT_POLICY_DEFAULT, alpha: 1e-4 };

describe('drift detection', () => {
  it('finds wording and mix that moved, with direction, size and sample rows', () => {
    const random = seededRandom(61);
    const found = detectDrift(
      rows(600, random, { rare: 0.02, plants: 0.05 }),
      rows(250, random, { rare: 0.2, plants: 0.3 }),
      POLICY,
    );
    const answer = found.find((finding) => finding.feature === 'answer');
    expect(answer).toMatchObject({ drifted: true, statistic: 'population_stability_index' });
    expect(answer?.direction).toMatch(/^more plant 4\.\d% to \d\d%|^more plant 5\.\d% to \d\d%|^more plant 6\.\d% to \d\d%/);
    expect(answer?.sampleIds).toHaveLength(5);
    const wording = found.find((finding) => finding.feature === 'wording');
    expect(wording).toMatchObject({ drifted: true });
    expect(wording?.direction).toMatch(/more often: .*(genus|perennial|tropical|american|evergreen|rhizome)/);
    expect(found.find((finding) => finding.feature === 'input_words')?.drifted).toBe(false);
  });

  it('says that inputs got longer', () => {
    const random = seededRandom(62);
    const found = detectDrift(
      rows(400, random, { rare: 0, plants: 0.1 }),
      rows(200, random, { rare: 0, plants: 0.1, words: 12 }),
      POLICY,
    );
    expect(found[0]).toMatchObject({ feature: 'input_words', drifted: true });
    expect(found[0]?.direction).toMatch(/^inputs are longer: median 8 to 1\d words$|^inputs are longer: median 9 to 1\d words$/);
  });

  it('keeps its budget when nothing changed: at most alpha per feature (seeded, 300 windows)', () => {
    const random = seededRandom(63);
    const alpha = 0.01;
    const policy = { stabilityMin: 0, wordingMin: 0.5, bins: 10, alpha };
    let alarms = 0;
    for (let run = 0; run < 300; run += 1) {
      const shape = { rare: 0.1, plants: 0.2 };
      alarms += detectDrift(rows(300, random, shape), rows(150, random, shape), policy).filter(
        (finding) => finding.drifted,
      ).length;
    }
    // 900 tests at .01: 9 expected; 20 is 3.7 sd above.
    expect(alarms).toBeLessThan(20);
  });

  it('needs practical size beside significance', () => {
    const random = seededRandom(64);
    const reference = rows(4000, random, { rare: 0.1, plants: 0.2 });
    const current = rows(4000, random, { rare: 0.1, plants: 0.27 });
    const finding = detectDrift(reference, current, { ...POLICY, alpha: 0.001 }).find((each) => each.feature === 'answer');
    expect(finding?.probability).toBeLessThan(0.001);
    expect(finding?.drifted).toBe(false);
  });

  it('leaves free-text answers out and has nothing to say about nothing', () => {
    const random = seededRandom(65);
    const free = rows(100, random, { rare: 0.1, plants: 0 }).map((row) => ({ ...row, answer: row.input }));
    expect(detectDrift(free, free, POLICY).map((finding) => finding.feature)).toEqual(['input_words', 'wording']);
    expect(detectDrift([], free, POLICY)).toEqual([]);
  });
});
