// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '../statistics/seeded-random';
import type { Opinion } from './opinion-consensus';
import { assessRaters } from './rater-reputation';

const LABELS = ['animal', 'artifact', 'food', 'person', 'plant', 'substance'];

interface World {
  honest: number;
  honestVotes: number;
  honestAccuracy: number;
  liars: number;
  liarVotes: number;
}

const DEMO: World = { honest: 37, honestVotes: 16, honestAccuracy: 0.92, liars: 3, liarVotes: 150 };

// 300 inputs, a model that is right in 60 %; liars confirm wrong answers and "correct" right ones, all with the same wrong label.
function simulate(world: World, random: () => number): Opinion[] {
  const pick = (below: number): number => Math.floor(random() * below);
  const inputs = Array.from({ length: 300 }, () => {
    const truth = pick(6);
    return { truth, served: random() < 0.6 ? truth : (truth + 1 + pick(5)) % 6 };
  });
  const label = (index: number): string => LABELS[index % 6] ?? '';
  const opinions: Opinion[] = [];
  const say = (raterHash: string, inputIndex: number, holds: number): void => {
    const input = inputs[inputIndex] ?? { truth: 0, served: 0 };
    const right = holds === input.served;
    const base = { feedbackId: `${raterHash}/${inputIndex}`, raterHash, inputKey: `i${inputIndex}`, impossible: false };
    opinions.push({ ...base, servedLabel: label(input.served), right, ...(right ? {} : { correction: label(holds) }) });
  };
  for (let rater = 0; rater < world.honest; rater += 1) {
    for (let vote = 0; vote < world.honestVotes * (0.5 + random()); vote += 1) {
      const at = pick(300);
      const truth = inputs[at]?.truth ?? 0;
      say(`honest-${rater}`, at, random() < world.honestAccuracy ? truth : (truth + 1 + pick(5)) % 6);
    }
  }
  for (let rater = 0; rater < world.liars; rater += 1) {
    for (let vote = 0; vote < world.liarVotes; vote += 1) {
      const at = (vote * 2 + rater) % 300;
      const input = inputs[at] ?? { truth: 0, served: 0 };
      say(`liar-${rater}`, at, input.served === input.truth ? (input.truth + 1) % 6 : input.served);
    }
  }
  return opinions;
}

describe('rater reputation', () => {
  it('quarantines the bulk liars and no honest rater, over 150 simulated workspaces', async () => {
    const random = seededRandom(51);
    let caught = 0;
    let honestQuarantined = 0;
    for (let run = 0; run < 150; run += 1) {
      for (const found of await assessRaters(simulate(DEMO, random), new Map())) {
        if (found.state !== 'quarantined') continue;
        if (found.raterHash.startsWith('liar')) caught += 1;
        else honestQuarantined += 1;
      }
    }
    expect(caught / 450).toBeGreaterThan(0.97);
    // 5,550 honest raters: the budget of .01 per workspace allows 1 or 2.
    expect(honestQuarantined).toBeLessThanOrEqual(1);
  });

  it('leaves a diligent honest rater alone however much they write', async () => {
    const random = seededRandom(52);
    for (let run = 0; run < 30; run += 1) {
      const opinions = simulate({ ...DEMO, liars: 0 }, random).map((opinion) =>
        /^honest-[0-9]$/.test(opinion.raterHash) ? { ...opinion, raterHash: 'diligent' } : opinion,
      );
      const diligent = (await assessRaters(opinions, new Map())).find((found) => found.raterHash === 'diligent');
      expect(diligent?.evidence.bulk).toBe(true);
      expect(diligent?.state).toBe('trusted');
    }
  });

  it('tells liars from their victims where nobody else rated the same input (one honest rater per input)', async () => {
    const random = seededRandom(55);
    let caught = 0;
    for (let run = 0; run < 60; run += 1) {
      const opinions: Opinion[] = [];
      for (let input = 0; input < 500; input += 1) {
        const served = LABELS[Math.floor(random() * 6)] ?? '';
        const right = random() < 0.6;
        const base = { inputKey: `i${input}`, servedLabel: served, impossible: false };
        const truth = right ? served : (LABELS[(LABELS.indexOf(served) + 1) % 6] ?? '');
        const say = (raterHash: string, says: boolean, correction: string): void => {
          opinions.push({
            ...base,
            feedbackId: `${raterHash}/${input}`,
            raterHash,
            right: says,
            ...(says ? {} : { correction }),
          });
        };
        say(`honest-${Math.floor(random() * 40)}`, right, truth);
        for (const liar of [0, 1, 2]) {
          if ((input - liar * 97 + 500) % 500 < 110) say(`liar-${liar}`, !right, LABELS[(LABELS.indexOf(truth) + 2) % 6] ?? '');
        }
      }
      for (const found of await assessRaters(opinions, new Map())) {
        if (found.raterHash.startsWith('liar')) caught += found.state === 'quarantined' ? 1 : 0;
        else expect([found.raterHash, found.state]).toEqual([found.raterHash, 'trusted']);
      }
    }
    expect(caught).toBe(180);
  });

  it('compares within a metric only', async () => {
    const about = (metric: string, rater: string, right: boolean): Opinion[] =>
      Array.from({ length: 60 }, (_, input) => ({
        feedbackId: `${metric}/${rater}/${input}`,
        raterHash: rater,
        inputKey: `i${input}`,
        metric,
        servedLabel: 'plant',
        right,
        impossible: false,
      }));
    const crowd = Array.from({ length: 9 }, (_, rater) => about('correct', `r${rater}`, true).slice(0, 12)).flat();
    const critic = async (metric: string): Promise<string | undefined> =>
      (await assessRaters([...crowd, ...about(metric, 'critic', false)], new Map())).find((each) => each.raterHash === 'critic')
        ?.state;
    expect(await critic('helpful')).toBe('trusted');
    expect(await critic('correct')).toBe('quarantined');
  });

  it('says why, with figures and samples', async () => {
    const liar = (await assessRaters(simulate(DEMO, seededRandom(53)), new Map())).find((found) => found.raterHash === 'liar-0');
    expect(liar?.state).toBe('quarantined');
    expect(liar?.reason).toMatch(/^\d+ ratings where the median rater gave \d+; disagrees with other raters on \d+ of \d+/);
    expect(liar?.evidence.sampleFeedbackIds).toHaveLength(10);
  });

  it('uses known answers where nobody else rated', async () => {
    const opinions: Opinion[] = Array.from({ length: 60 }, (_, index) => ({
      feedbackId: `f${index}`,
      raterHash: 'alone',
      inputKey: `i${index}`,
      servedLabel: 'plant',
      right: true,
      impossible: false,
    }));
    const few: Opinion[] = Array.from({ length: 9 }, (_, index) => ({
      feedbackId: `g${index}`,
      raterHash: `other-${index}`,
      inputKey: `j${index}`,
      servedLabel: 'food',
      right: true,
      impossible: false,
    }));
    const known = new Map(Array.from({ length: 20 }, (_, index) => [`i${index}`, 'animal']));
    const found = (await assessRaters([...opinions, ...few], known)).find((each) => each.raterHash === 'alone');
    expect(found).toMatchObject({ state: 'quarantined' });
    expect(found?.reason).toContain('wrong on 20 of 20 known answers');
    expect((await assessRaters([...opinions, ...few], new Map())).every((each) => each.state === 'trusted')).toBe(true);
  });

  it('only watches a small rater who disagrees, and counts impossible labels', async () => {
    const random = seededRandom(54);
    const small = simulate({ ...DEMO, liars: 1, liarVotes: 20 }, random);
    expect(['trusted', 'watched']).toContain(
      (await assessRaters(small, new Map())).find((each) => each.raterHash === 'liar-0')?.state,
    );
    const vandal = simulate(DEMO, random).map((opinion) =>
      opinion.raterHash === 'liar-1' && !opinion.right ? { ...opinion, correction: 'banana', impossible: true } : opinion,
    );
    const found = (await assessRaters(vandal, new Map())).find((each) => each.raterHash === 'liar-1');
    expect(found?.state).toBe('quarantined');
    expect(found?.reason).toContain('are not labels of the task');
  });

  it('lets other work of the process go on while it judges', async () => {
    const opinions = simulate({ ...DEMO, honest: 1_000 }, seededRandom(56));
    let turns = 0;
    let judging = true;
    const count = (): void => {
      turns += 1;
      if (judging) setImmediate(count);
    };
    setImmediate(count);
    await assessRaters(opinions, new Map());
    judging = false;
    // Four rounds of some 16,000 votes, in slices of three milliseconds.
    expect(turns).toBeGreaterThan(20);
  });
});
