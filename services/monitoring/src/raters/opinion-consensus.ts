// SPDX-License-Identifier: Apache-2.0
import { WorkSlices } from './work-slices';

/** One rater's word on one input. Several words of a rater on the same input count once (the last). */
export interface Opinion {
  feedbackId: string;
  raterHash: string;
  /** Key of the normalised input: equal questions share it. */
  inputKey: string;
  /** Opinions are compared within a metric only: a helpful answer may be wrong. */
  metric?: string;
  servedLabel: string;
  right: boolean;
  /** What the answer should have been, where the rater said so. */
  correction?: string;
  /** The correction is not a label of the task. */
  impossible: boolean;
}

export interface RaterScore {
  raterHash: string;
  votes: number;
  /** Comparisons with other raters, each counted by the strength of the others (0..1), rounded at the end. */
  compared: number;
  disagreements: number;
  knownCompared: number;
  knownWrong: number;
  impossibleLabels: number;
  disagreeingFeedbackIds: string[];
}

// `label` is what the rater holds to be right; undefined when all that is known is that `not` is wrong.
interface Vote {
  raterHash: string;
  feedbackId: string;
  label: string | undefined;
  not: string | undefined;
  impossible: boolean;
}

const ROUNDS = 4;
const SEPARATOR = '\u0000';

/**
 * Agreement of each rater with the others, leave-one-out. Round one gives every rater the same total influence, however much
 * they wrote, so that bulk cannot buy the consensus; later rounds weigh raters by how well they agreed (one-coin Dawid-Skene
 * (1979) in its simplest form, with a prior so that newcomers start trusted). A comparison counts by the weight of the others
 * against one's own: whom a liar contradicts is hardly touched, who contradicts everybody is. Known answers override it all.
 * Lets the event loop turn meanwhile.
 */
export async function weighOpinions(opinions: readonly Opinion[], known: ReadonlyMap<string, string>): Promise<RaterScore[]> {
  const slices = new WorkSlices();
  const inputs = await votesByInput(opinions, slices);
  const tallies = tally(inputs.values());
  const compared = [...inputs]
    .map(([key, votes]) => ({ votes, known: known.get(key.slice(key.indexOf(SEPARATOR) + 1)) }))
    .filter((input) => input.votes.length > 1 || input.known !== undefined); // else nobody to compare with, which is most of them
  let weights = new Map([...tallies].map(([rater, { votes }]) => [rater, 1 / votes]));
  let scores = new Map<string, RaterScore>();
  for (let round = 0; round < ROUNDS; round += 1) {
    scores = new Map([...tallies].map(([rater, tallied]) => [rater, emptyScore(rater, tallied)]));
    for (const input of compared) {
      scoreInput(input.votes, { weights, scores, known: input.known });
      if (slices.isOver) await slices.next();
    }
    weights = new Map([...scores].map(([rater, score]) => [rater, influence(score)]));
  }
  for (const score of scores.values()) {
    score.compared = Math.round(score.compared);
    score.disagreements = Math.min(score.compared, Math.round(score.disagreements));
  }
  return [...scores.values()].sort((left, right) => (left.raterHash < right.raterHash ? -1 : 1));
}

interface Tally {
  votes: number;
  impossibleLabels: number;
}

function tally(inputs: Iterable<readonly Vote[]>): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const votes of inputs) {
    for (const { raterHash, impossible } of votes) {
      const tallied = tallies.get(raterHash);
      if (!tallied) tallies.set(raterHash, { votes: 1, impossibleLabels: impossible ? 1 : 0 });
      else {
        tallied.votes += 1;
        if (impossible) tallied.impossibleLabels += 1;
      }
    }
  }
  return tallies;
}

function emptyScore(raterHash: string, { votes, impossibleLabels }: Tally): RaterScore {
  return {
    raterHash,
    votes,
    compared: 0,
    disagreements: 0,
    knownCompared: 0,
    knownWrong: 0,
    impossibleLabels,
    disagreeingFeedbackIds: [],
  };
}

async function votesByInput(opinions: readonly Opinion[], slices: WorkSlices): Promise<Map<string, Vote[]>> {
  const inputs = new Map<string, Vote[]>();
  // Where several voted: whose vote stands where, so that a rater's last word replaces the one before.
  const places = new Map<string, Map<string, number>>();
  for (const opinion of opinions) {
    if (slices.isOver) await slices.next();
    const key = (opinion.metric ?? '') + SEPARATOR + opinion.inputKey;
    const vote: Vote = {
      raterHash: opinion.raterHash,
      feedbackId: opinion.feedbackId,
      label: opinion.right ? opinion.servedLabel : opinion.impossible ? undefined : opinion.correction,
      not: opinion.right ? undefined : opinion.servedLabel,
      impossible: opinion.impossible,
    };
    const votes = inputs.get(key);
    if (!votes) {
      inputs.set(key, [vote]);
      continue;
    }
    const place = places.get(key) ?? new Map([[votes[0].raterHash, 0]]);
    places.set(key, place);
    const at = place.get(vote.raterHash) ?? votes.length;
    place.set(vote.raterHash, at);
    votes[at] = vote;
  }
  return inputs;
}

// Agreement with a prior of four agreements and one disagreement; a rater at or below chance keeps almost no influence.
function influence(score: RaterScore): number {
  const compared = score.compared + 2 * score.knownCompared;
  const agreed = compared - score.disagreements - 2 * score.knownWrong;
  return Math.max(0.01, 2 * ((agreed + 4) / (compared + 5)) - 1);
}

function scoreInput(
  votes: readonly Vote[],
  context: { weights: Map<string, number>; scores: Map<string, RaterScore>; known: string | undefined },
): void {
  const support = context.known === undefined ? supportOf(votes, context.weights) : undefined;
  for (const vote of votes) {
    const score = context.scores.get(vote.raterHash);
    if (!score) continue;
    if (context.known !== undefined) {
      score.knownCompared += 1;
      if (differs(vote, context.known)) note(score, vote, { knownWrong: 1 });
      continue;
    }
    const own = context.weights.get(vote.raterHash) ?? 0;
    const consensus = support && consensusWithout(vote, own, support);
    if (consensus === undefined) continue;
    // Squared: the word of somebody who writes ten times as much as I do hardly counts against mine.
    const strength = (consensus.weight / (consensus.weight + own)) ** 2;
    score.compared += strength;
    if (differs(vote, consensus.label)) note(score, vote, { disagreements: strength });
  }
}

function note(score: RaterScore, vote: Vote, fault: { knownWrong?: number; disagreements?: number }): void {
  score.knownWrong += fault.knownWrong ?? 0;
  score.disagreements += fault.disagreements ?? 0;
  score.disagreeingFeedbackIds.push(vote.feedbackId);
}

function differs(vote: Vote, truth: string): boolean {
  return vote.label === undefined ? vote.not === truth : vote.label !== truth;
}

type Label = [label: string, weight: number];

/** What all votes together give each label, and the three labels with the most: one's own may be among them, and two may tie. */
interface Support {
  weights: ReadonlyMap<string, number>;
  top: readonly Label[];
}

function supportOf(votes: readonly Vote[], weights: ReadonlyMap<string, number>): Support {
  const support = new Map<string, number>();
  for (const vote of votes) {
    const part = contribution(vote, weights.get(vote.raterHash) ?? 0);
    if (part) support.set(part[0], (support.get(part[0]) ?? 0) + part[1]);
  }
  const top: Label[] = [];
  for (const label of support) {
    top.push(label);
    top.sort((left, right) => right[1] - left[1]);
    top.length = Math.min(top.length, 3);
  }
  return { weights: support, top };
}

/** A vote is for a label or, when the rater named none, against the one that was served. */
function contribution(vote: Vote, weight: number): Label | undefined {
  if (vote.label !== undefined) return [vote.label, weight];
  return vote.not === undefined ? undefined : [vote.not, -weight];
}

// The label with the most weight among the others; none on a tie or when nobody else named a label. By subtraction from what all
// gave, not by adding up the others for each vote: a question that everybody is asked would cost the square of its votes.
function consensusWithout(vote: Vote, own: number, support: Support): { label: string; weight: number } | undefined {
  const part = contribution(vote, own);
  const others = support.top.filter(([label]) => label !== part?.[0]);
  if (part) others.push([part[0], (support.weights.get(part[0]) ?? 0) - part[1]]);
  const [best, next] = others.sort((left, right) => right[1] - left[1]);
  // Sums of the same weights in another order differ in their last digits.
  const nothing = 1e-9 * Math.max(1, best?.[1] ?? 0);
  if (!best || best[1] <= nothing || (next && best[1] - next[1] <= nothing)) return undefined;
  return { label: best[0], weight: best[1] };
}
