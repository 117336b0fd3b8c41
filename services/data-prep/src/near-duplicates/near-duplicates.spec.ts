// SPDX-License-Identifier: Apache-2.0
import { NearDuplicateIndex, runToEnd, runYielding } from './near-duplicate-index';
import { priorityByScore, removalCurve, selectSurvivors } from './select-survivors';
import { Shingler } from './shingler';
import { bruteForcePairs, plantedDocuments, trueJaccard } from '../../bench/planted-documents';

function graphOf(
  texts: string[],
  options: { shingleWords?: number; jaccardMin?: number; bucketComparisonsMax?: number; edgesMax?: number } = {},
) {
  const index = new NearDuplicateIndex({ shingleWords: 5, jaccardMin: 0.5, ...options });
  for (const text of texts) index.add(text);
  return runToEnd(index.search());
}

describe('Shingler', () => {
  const shingles = (text: string, size = 5) => {
    const shingler = new Shingler(size);
    shingler.read(text);
    return [...shingler.hashes.subarray(0, shingler.count)];
  };

  it('makes n - 4 shingles of n words and ignores case and punctuation', () => {
    expect(shingles('one two three four five six seven')).toHaveLength(3);
    expect(shingles('One, TWO -- three four; five six (seven)!')).toEqual(shingles('one two three four five six seven'));
  });

  it('gives the same shingle for the same five words anywhere in a text', () => {
    const early = shingles('alpha beta gamma delta epsilon zeta');
    const late = shingles('x y z alpha beta gamma delta epsilon');
    expect(late.at(-1)).toBe(early[0]);
  });

  it('makes one shingle of a short text and none of a text without words', () => {
    expect(shingles('two words')).toHaveLength(1);
    expect(shingles('words two')).not.toEqual(shingles('two words'));
    expect(shingles('... !')).toHaveLength(0);
    expect(shingles('')).toHaveLength(0);
  });

  it('hashes ASCII words alike beside other scripts, folds case and compatibility forms', () => {
    const ascii = shingles('alpha beta gamma delta epsilon');
    expect(shingles('alpha beta gamma delta epsilon é')[0]).toBe(ascii[0]);
    expect(shingles('ÉTÉ à la plage demain')).toEqual(shingles('été à la PLAGE demain'));
    expect(shingles('ﬁne one two three four')).toEqual(shingles('fine one two three four'));
  });

  it('takes each Han character as a word, because such text has no spaces', () => {
    expect(shingles('今天天气很好')).toHaveLength(2);
  });
});

describe('near-duplicate search', () => {
  it('finds every planted pair at J >= 0.7 and accepts no pair below, against brute force over all pairs', () => {
    const { texts } = plantedDocuments({ documents: 1_500, words: 80, copyShare: 0.4, editShareMax: 0.1, seed: 11 });
    const expected = bruteForcePairs(texts, 5, 0.7);
    const graph = graphOf(texts, { jaccardMin: 0.7 });
    const found = new Map<string, number>();
    graph.a.forEach((a, i) => found.set(`${a}-${graph.b[i]}`, graph.jaccard[i]));
    graph.sameAs.forEach((first, document) => first !== document && found.set(`${first}-${document}`, 1));
    expect(expected.size).toBeGreaterThan(100);
    for (const [pair, jaccard] of found) expect(expected.get(pair)).toBeCloseTo(jaccard, 10);
    // Pairs between two copies with equal words are reached through their class; every other pair is an edge of its own.
    const missed = [...expected.keys()].filter((pair) => !found.has(pair));
    for (const pair of missed) {
      const [a, b] = pair.split('-').map((document) => graph.sameAs[Number(document)]);
      expect(a === b || found.has(`${Math.min(a, b)}-${Math.max(a, b)}`)).toBe(true);
    }
  });

  it('keeps a pair whose Jaccard is exactly the threshold', () => {
    // 7 of 10 shingles shared: 11 words against the same with 8.5 .. built from shared runs
    const shared = 'a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11';
    const x = `${shared} x1`;
    const y = `${shared} y1 y2`;
    expect(trueJaccard(x, y, 5)).toBe(0.7);
    expect(graphOf([x, y], { jaccardMin: 0.7 }).a).toHaveLength(1);
  });

  it('treats short texts as copies only when their words are equal, and empty ones never', () => {
    const graph = graphOf(['Hello there', 'hello, THERE!', 'hello here', '', '...', '']);
    expect([...graph.sameAs]).toEqual([0, 0, 2, 3, 4, 5]);
    expect(graph.a).toHaveLength(0);
  });

  it('gives the same graph when it yields to the event loop, and stops when aborted', async () => {
    const { texts } = plantedDocuments({ documents: 300, words: 40, copyShare: 0.4, editShareMax: 0.1, seed: 3 });
    const build = () => {
      const index = new NearDuplicateIndex({ shingleWords: 5, jaccardMin: 0.6 });
      texts.forEach((text) => index.add(text));
      return index.search();
    };
    expect(await runYielding(build())).toEqual(runToEnd(build()));
    await expect(runYielding(build(), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });

  it('yields in the middle of many comparisons of long texts', () => {
    const words = Array.from({ length: 1_000 }, (_, i) => `w${i}`);
    const index = new NearDuplicateIndex({ shingleWords: 5, jaccardMin: 0.5 });
    for (let n = 0; n < 100; n++) index.add([...words.slice(0, n * 10), `own${n}`, ...words.slice(n * 10)].join(' '));
    const search = index.search();
    let yields = 0;
    while (!search.next().done) yields++;
    // 4,950 pairs of 2,000 shingles; one yield for each of the 32 bands would leave them in one go.
    expect(yields).toBeGreaterThan(32 + 20);
  });

  it('keeps no more pairs than it may, and still finds that rows of one template are copies of the first', () => {
    const words = Array.from({ length: 60 }, (_, i) => `w${i}`).join(' ');
    const graph = graphOf(
      Array.from({ length: 1_000 }, (_, n) => `${words} own${n}`),
      { edgesMax: 4_000 },
    );
    expect(graph.a.length).toBeLessThanOrEqual(4_000);
    expect(graph.comparisonsSkipped).toBeGreaterThan(0);
    expect(selectSurvivors(graph, 0.7).kept).toBeLessThan(500);
    const inOrder = [...graph.a].every((a, edge) => edge === 0 || a > graph.a[edge - 1] || graph.b[edge] > graph.b[edge - 1]);
    expect(inOrder).toBe(true);
  });

  it('says how many comparisons a cut bucket cost, and still reaches the best survivor', () => {
    const texts = Array.from({ length: 40 }, (_, i) => `this is the very same long template of the text number ${i} item${i}`);
    const graph = graphOf(texts, { bucketComparisonsMax: 4, jaccardMin: 0.5 });
    expect(graph.comparisonsSkipped).toBeGreaterThan(0);
    expect(selectSurvivors(graph, 0.5).kept).toBe(1);
  });
});

describe('selectSurvivors', () => {
  const words = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `w${from + i}`).join(' ');
  /** Neighbours overlap by about .7, the ends by about .5. */
  const chain = [words(0, 60), words(10, 70), words(20, 80)];

  it('drops a row only for a kept row that it is near to itself: no chains', () => {
    const graph = graphOf(chain, { jaccardMin: 0.4 });
    const survivors = selectSurvivors(graph, 0.65);
    expect([...survivors.keptBy]).toEqual([0, 0, 2]);
    expect(survivors.jaccard[1]).toBeCloseTo(trueJaccard(chain[0], chain[1], 5), 12);
  });

  it('lets the middle row win when the policy prefers it', () => {
    const graph = graphOf(chain, { jaccardMin: 0.4 });
    const survivors = selectSurvivors(graph, 0.65, priorityByScore(Float64Array.from([1, 5, 2])));
    expect([...survivors.keptBy]).toEqual([1, 1, 1]);
  });

  it('can keep a later copy of an equal text, and the neighbours follow it', () => {
    const graph = graphOf([chain[0], chain[1], chain[0]], { jaccardMin: 0.4 });
    const survivors = selectSurvivors(graph, 0.65, priorityByScore(Float64Array.from([1, 2, 9])));
    expect([...survivors.keptBy]).toEqual([2, 2, 2]);
  });

  it('puts rows without a score last and keeps row order among equals', () => {
    expect([...priorityByScore(Float64Array.from([NaN, 2, 2, 7]))]).toEqual([3, 1, 2, 0]);
  });

  it('draws a curve that never rises with J and says where it is exact', () => {
    const { texts } = plantedDocuments({ documents: 400, words: 60, copyShare: 0.3, editShareMax: 0.15, seed: 5 });
    const curve = removalCurve(graphOf(texts), [0.5, 0.6, 0.7, 0.8, 0.9, 1]);
    const removed = curve.map((point) => point.removed);
    expect(removed).toEqual([...removed].sort((x, y) => y - x));
    expect(removed[0]).toBeGreaterThan(removed[5]);
    expect(curve.map((point) => point.exact)).toEqual([false, false, true, true, true, true]);
  });
});
