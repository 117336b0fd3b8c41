// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '../statistics/seeded-random';
import { weighOpinions, type Opinion } from './opinion-consensus';

const NONE = new Map<string, string>();

function opinion(raterHash: string, inputKey: string, says: { right: boolean; correction?: string }): Opinion {
  return { feedbackId: `${raterHash}/${inputKey}`, raterHash, inputKey, servedLabel: 'plant', impossible: false, ...says };
}

/** What one rater sees of one input in the first round, said the long way: the other votes are added up, one by one. */
function agreesWithOthers(mine: Opinion, all: readonly Opinion[], weightOf: (rater: string) => number): boolean | undefined {
  const support = new Map<string, number>();
  for (const other of all) {
    if (other.raterHash === mine.raterHash) continue;
    const label = other.right ? other.servedLabel : other.correction;
    const weight = weightOf(other.raterHash);
    if (label !== undefined) support.set(label, (support.get(label) ?? 0) + weight);
    else support.set(other.servedLabel, (support.get(other.servedLabel) ?? 0) - weight);
  }
  const [best, next] = [...support].sort((left, right) => right[1] - left[1]);
  if (!best || best[1] < 1e-9 || (next && best[1] - next[1] < 1e-9)) return undefined;
  const label = mine.right ? mine.servedLabel : mine.correction;
  return label === undefined ? best[0] !== mine.servedLabel : label === best[0];
}

describe('consensus of opinions', () => {
  it('leaves out exactly one own vote: one input, one vote each, votes for, against and without a correction', async () => {
    const random = seededRandom(71);
    const labels = ['plant', 'animal', 'food', undefined];
    for (let run = 0; run < 300; run += 1) {
      const opinions = Array.from({ length: 1 + Math.floor(random() * 7) }, (_, rater) => {
        const right = random() < 0.4;
        const correction = labels[Math.floor(random() * labels.length)];
        return opinion(`r${rater}`, 'one', right || correction === undefined ? { right } : { right, correction });
      });
      const scores = await weighOpinions(opinions, NONE);
      // With one vote each all influence is equal in the first round; where the others tie in it, later rounds have nothing to
      // tell them apart by but what agreed in it, so only raters with a clear first round are compared.
      for (const mine of opinions) {
        const agrees = agreesWithOthers(mine, opinions, () => 1);
        const others = opinions.filter((each) => each !== mine);
        const unanimous = new Set(others.map((each) => `${each.right} ${each.correction}`)).size === 1;
        if (agrees === undefined || !unanimous) continue;
        const score = scores.find((each) => each.raterHash === mine.raterHash);
        expect([run, mine.raterHash, score?.disagreeingFeedbackIds.length]).toEqual([run, mine.raterHash, agrees ? 0 : 1]);
      }
    }
  });

  it('has no consensus where nobody else spoke, or where the others are even', async () => {
    const alone = await weighOpinions([opinion('a', 'one', { right: true })], NONE);
    expect(alone).toMatchObject([{ compared: 0, disagreements: 0 }]);
    const even = [
      opinion('a', 'one', { right: true }),
      opinion('b', 'one', { right: false, correction: 'animal' }),
      opinion('c', 'one', { right: false, correction: 'food' }),
    ];
    expect((await weighOpinions(even, NONE)).map((score) => score.compared)).toEqual([0, 0, 0]);
  });

  it('takes a question that 20,000 people answered as it takes others', async () => {
    const opinions = Array.from({ length: 20_000 }, (_, rater) =>
      opinion(`r${rater}`, 'one', rater % 10 === 0 ? { right: false, correction: `label-${rater}` } : { right: true }),
    );
    const scores = await weighOpinions(opinions, NONE);
    expect(scores.filter((score) => score.disagreements > 0)).toHaveLength(2_000);
    expect(scores.every((score) => score.compared === 1)).toBe(true);
  });
});
