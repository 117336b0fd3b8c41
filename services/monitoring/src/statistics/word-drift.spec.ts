// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from './seeded-random';
import { areaUnderCurve, currentness, wordDrift, wordsOf } from './word-drift';

// Texts of 8 words from a Zipf-like vocabulary; each text has a topic, so words inside a text are dependent (as in real text).
function texts(count: number, random: () => number, rareShare = 0): string[] {
  return Array.from({ length: count }, () => {
    const topic = Math.floor(random() * 6);
    return Array.from({ length: 8 }, () => {
      if (random() < rareShare) return `rare${Math.floor(random() * 400)}`;
      return random() < 0.5 ? `topic${topic}w${Math.floor(random() ** 2 * 60)}` : `word${Math.floor(random() ** 3 * 500)}`;
    }).join(' ');
  });
}

describe('word drift', () => {
  it('splits words of any script', () => {
    expect(wordsOf('A Poodle, écru; 犬 42!')).toEqual(['a', 'poodle', 'écru', '犬', '42']);
  });

  it('computes the area under the curve with ties', () => {
    expect(areaUnderCurve([1, 2], [3, 4])).toBe(1);
    expect(areaUnderCurve([1, 1], [1, 1])).toBe(0.5);
    expect(areaUnderCurve([1, 3], [2, 2])).toBe(0.5);
  });

  it('keeps its false alarm rate when nothing changed, dependent words or not', () => {
    const random = seededRandom(21);
    let alarms = 0;
    const runs = 400;
    for (let run = 0; run < runs; run += 1) {
      const result = wordDrift(texts(200, random), texts(120, random), 0.05);
      if (result && result.auc > result.cut) alarms += 1;
    }
    expect(alarms / runs).toBeLessThan(0.08);
    expect(alarms / runs).toBeGreaterThan(0.02);
  });

  it('sees technical vocabulary in 10 % of the words and names the unknown share and the words', () => {
    const random = seededRandom(22);
    const result = wordDrift(texts(600, random), texts(300, random, 0.3), 0.0005);
    expect(result?.auc).toBeGreaterThan(result?.cut ?? 1);
    expect(result?.unknownWordShareCurrent).toBeGreaterThan((result?.unknownWordShareReference ?? 1) + 0.1);
    expect(result?.grownWords.some((shift) => shift.word.startsWith('rare'))).toBe(true);
    expect(result?.shrunkWords.length).toBeGreaterThan(0);
  });

  it('waits for enough texts and ranks sample rows by how new they look', () => {
    expect(wordDrift(['a b'], ['c d'], 0.01)).toBeUndefined();
    const random = seededRandom(23);
    const newness = currentness(texts(300, random), texts(300, random, 0.5));
    expect(newness('rare1 rare2 rare3')).toBeGreaterThan(newness('word0 word1 word2'));
  });

  it('does not leak repeated prompts from the learning half into the held-out half', () => {
    const same = Array.from({ length: 400 }, (_, index) => `prompt ${index % 80}`);
    const result = wordDrift(same, same, 0.001);
    expect(result?.auc).toBeCloseTo(0.5, 6);
  });
});
