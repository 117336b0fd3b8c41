// SPDX-License-Identifier: Apache-2.0
import { binomialTail, poissonTail } from '../statistics/distributions';
import { weighOpinions, type Opinion, type RaterScore } from './opinion-consensus';
import { WorkSlices } from './work-slices';

/** How raters are judged. Rates are shares (0..1). */
export interface RaterPolicy {
  /** Chance of quarantining any honest rater in one assessment, shared by all raters (Bonferroni). */
  alpha: number;
  /** Share of disagreement that an honest rater may have: hard rows, changed minds, contaminated consensus. */
  disagreementTolerated: number;
  /** No judgement below this many comparisons with others or known answers. */
  comparisonsMin: number;
  /** Least share of disagreement for a quarantine (practical size beside significance). */
  disagreementMin: number;
  /** A rater is bulk above this count within the window ... */
  bulkCountMin: number;
  /** ... and significantly above this multiple of the median rater. */
  bulkFactor: number;
}

export const RATER_POLICY_DEFAULT: RaterPolicy = {
  alpha: 0.01,
  disagreementTolerated: 0.35,
  comparisonsMin: 8,
  disagreementMin: 0.5,
  bulkCountMin: 30,
  bulkFactor: 3,
};

export type RaterState = 'trusted' | 'watched' | 'quarantined';

/** What was found about one rater, with the figures behind it. */
export interface RaterAssessment {
  raterHash: string;
  state: RaterState;
  /** One line for people; empty for a trusted rater. */
  reason: string;
  evidence: RaterEvidence;
}

export interface RaterEvidence {
  votes: number;
  medianVotes: number;
  bulk: boolean;
  bulkProbability: number;
  compared: number;
  disagreements: number;
  disagreementProbability: number;
  knownCompared: number;
  knownWrong: number;
  knownProbability: number;
  impossibleLabels: number;
  /** Feedback ids that disagree, at most ten. */
  sampleFeedbackIds: string[];
}

/**
 * Judges every rater of one workspace and window. Bulk alone is diligence and disagreement alone can be bad luck or a hard
 * subject (`watched`); both together, or bulk with impossible labels, are quarantined. Lets the event loop turn meanwhile.
 */
export async function assessRaters(
  opinions: readonly Opinion[],
  known: ReadonlyMap<string, string>,
  policy: RaterPolicy = RATER_POLICY_DEFAULT,
): Promise<RaterAssessment[]> {
  const scores = await weighOpinions(opinions, known);
  const medianVotes = median(scores.map((score) => score.votes));
  const alphaEach = policy.alpha / Math.max(1, scores.length);
  const assessments: RaterAssessment[] = [];
  const slices = new WorkSlices();
  for (const score of scores) {
    assessments.push(judge(score, { medianVotes, alphaEach, policy }));
    if (slices.isOver) await slices.next();
  }
  return assessments;
}

function judge(score: RaterScore, context: { medianVotes: number; alphaEach: number; policy: RaterPolicy }): RaterAssessment {
  const { policy, alphaEach, medianVotes } = context;
  const bulkProbability = poissonTail(score.votes, Math.max(1, medianVotes * policy.bulkFactor));
  const bulk = score.votes >= policy.bulkCountMin && bulkProbability < alphaEach;
  const tail = (wrong: number, compared: number): number =>
    compared < policy.comparisonsMin ? 1 : binomialTail(wrong, compared, policy.disagreementTolerated);
  const evidence: RaterEvidence = {
    votes: score.votes,
    medianVotes,
    bulk,
    bulkProbability,
    compared: score.compared,
    disagreements: score.disagreements,
    disagreementProbability: tail(score.disagreements, score.compared),
    knownCompared: score.knownCompared,
    knownWrong: score.knownWrong,
    knownProbability: tail(score.knownWrong, score.knownCompared),
    impossibleLabels: score.impossibleLabels,
    sampleFeedbackIds: score.disagreeingFeedbackIds.slice(0, 10),
  };
  const faults = faultsOf(evidence, alphaEach, policy);
  const state: RaterState = faults.length === 0 ? 'trusted' : bulk ? 'quarantined' : 'watched';
  const volume = bulk ? `${score.votes} ratings where the median rater gave ${medianVotes}; ` : '';
  return { raterHash: score.raterHash, state, reason: faults.length === 0 ? '' : volume + faults.join('; '), evidence };
}

function faultsOf(evidence: RaterEvidence, alphaEach: number, policy: RaterPolicy): string[] {
  const faults: string[] = [];
  const differs = (wrong: number, compared: number, probability: number): boolean =>
    probability < alphaEach && wrong >= policy.disagreementMin * compared;
  if (differs(evidence.disagreements, evidence.compared, evidence.disagreementProbability)) {
    faults.push(`disagrees with other raters on ${evidence.disagreements} of ${evidence.compared} shared inputs`);
  }
  if (differs(evidence.knownWrong, evidence.knownCompared, evidence.knownProbability)) {
    faults.push(`wrong on ${evidence.knownWrong} of ${evidence.knownCompared} known answers`);
  }
  if (evidence.impossibleLabels >= 3 && evidence.impossibleLabels >= 0.2 * evidence.votes) {
    faults.push(`${evidence.impossibleLabels} corrections are not labels of the task`);
  }
  return faults;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
