// SPDX-License-Identifier: Apache-2.0
import { hash } from 'node:crypto';

/** Accepted feedback, as monitoring told it. */
export interface Feedback {
  id: string;
  workspace: string;
  inferenceId: string;
  modelName: string;
  modelVersion: number;
  metric: string;
  /** true, false, a number or text. */
  value: unknown;
  /** What the answer should have been, or empty. */
  correction: string;
  inputText: string;
  outputText: string;
  raterHash: string;
  occurredTime: Date;
}

/** A row of a feedback dataset. */
export interface FeedbackRow {
  text: string;
  label: string;
  inference_id: string;
  feedback_id: string;
  rater_hash: string;
  /** People whose word is this label. */
  votes: number;
  /** "correction" or "confirmation". */
  origin: 'correction' | 'confirmation';
}

/** Why feedback became no row. */
export type LeftOutReason = 'no_input' | 'no_label' | 'rater_cap' | 'same_opinion' | 'outvoted' | 'tie';

export interface FeedbackSelection {
  rows: ChosenFeedback[];
  leftOut: Record<string, number>;
}

/** Feedback that becomes a row. */
export interface ChosenFeedback {
  id: string;
  votes: number;
}

/** What choosing needs of a piece of feedback: its texts are up to 64 KiB each, and there are hundreds of thousands. */
export interface Opinion {
  id: string;
  raterHash: string;
  occurredTimeMs: number;
  textKey: string;
  labelKey: string;
}

/**
 * Chooses the rows of a feedback dataset. Opinions on one text are counted together: the label with most raters wins, a tie
 * gives no row. A rater has one voice per text (the newest) and at most `rowsPerRaterMax` rows in all (the newest), so that
 * nobody owns the set. Deterministic: equal opinions in any order give equal rows, sorted by text, long ones by its beginning.
 */
export function selectFeedbackRows(all: readonly (Opinion | LeftOutReason)[], rowsPerRaterMax: number): FeedbackSelection {
  const leftOut: Record<string, number> = {};
  const leaveOut = (reason: LeftOutReason, count = 1): void => {
    if (count > 0) leftOut[reason] = (leftOut[reason] ?? 0) + count;
  };
  const opinions = all.flatMap((opinion) => (typeof opinion === 'string' ? (leaveOut(opinion), []) : [opinion]));
  opinions.sort((a, b) => b.occurredTimeMs - a.occurredTimeMs || (a.id < b.id ? -1 : 1));
  // By rater: a text that everybody asks about may have all of the feedback.
  const byText = new Map<string, Map<string, Opinion>>();
  const rowsOfRater = new Map<string, number>();
  for (const opinion of opinions) {
    const group = byText.get(opinion.textKey) ?? new Map<string, Opinion>();
    if (group.has(opinion.raterHash)) {
      leaveOut('same_opinion');
      continue;
    }
    const used = rowsOfRater.get(opinion.raterHash) ?? 0;
    if (used >= rowsPerRaterMax) {
      leaveOut('rater_cap');
      continue;
    }
    rowsOfRater.set(opinion.raterHash, used + 1);
    byText.set(opinion.textKey, group.set(opinion.raterHash, opinion));
  }
  const rows = [...byText.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => vote([...group.values()], leaveOut));
  return { rows, leftOut };
}

export function toOpinion(feedback: Feedback): Opinion | LeftOutReason {
  if (feedback.inputText.trim() === '') return 'no_input';
  const { label } = labelOf(feedback);
  if (label === '') return 'no_label';
  return {
    id: feedback.id,
    raterHash: feedback.raterHash,
    occurredTimeMs: feedback.occurredTime.getTime(),
    textKey: keyOf(normalise(feedback.inputText)),
    labelKey: keyOf(label),
  };
}

/** The row of feedback that was chosen. */
export function toRow(feedback: Feedback, votes: number): FeedbackRow {
  const { label, origin } = labelOf(feedback);
  return {
    text: feedback.inputText.trim(),
    label,
    inference_id: feedback.inferenceId,
    feedback_id: feedback.id,
    rater_hash: feedback.raterHash,
    votes,
    origin,
  };
}

/** A correction gives its label; a confirmation (value true) gives the answer that was confirmed. */
function labelOf({ correction, value, outputText }: Feedback): Pick<FeedbackRow, 'label' | 'origin'> {
  const corrected = correction.trim();
  if (corrected !== '') return { label: corrected, origin: 'correction' };
  return { label: value === true ? outputText.trim() : '', origin: 'confirmation' };
}

function vote(group: Opinion[], leaveOut: (reason: LeftOutReason, count?: number) => void): ChosenFeedback[] {
  const byLabel = new Map<string, Opinion[]>();
  for (const opinion of group) {
    const same = byLabel.get(opinion.labelKey);
    if (same) same.push(opinion);
    else byLabel.set(opinion.labelKey, [opinion]);
  }
  const ranked = [...byLabel.values()].sort((a, b) => b.length - a.length);
  if (ranked.length > 1 && ranked[0].length === ranked[1].length) {
    leaveOut('tie', group.length);
    return [];
  }
  const [winner] = ranked;
  leaveOut('same_opinion', winner.length - 1);
  leaveOut('outvoted', group.length - winner.length);
  return [{ id: winner[0].id, votes: winner.length }];
}

function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

const KEY_CHARACTERS_MAX = 100;

/** The text itself, or the beginning of a long one and its hash. A copy, as a cut text would keep the whole one in memory. */
function keyOf(text: string): string {
  if (text.length <= KEY_CHARACTERS_MAX) return Buffer.from(text).toString();
  return Buffer.from(text.slice(0, KEY_CHARACTERS_MAX) + hash('sha256', text, 'base64')).toString();
}
