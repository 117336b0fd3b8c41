// SPDX-License-Identifier: Apache-2.0

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
  rows: FeedbackRow[];
  leftOut: Record<string, number>;
}

interface Opinion {
  feedback: Feedback;
  label: string;
  origin: 'correction' | 'confirmation';
}

/**
 * Chooses the rows of a feedback dataset. A correction gives its label; a confirmation (value true) gives the answer that
 * was confirmed. Opinions on one text are counted together: the label with most raters wins, a tie gives no row. A rater
 * has one voice per text (the newest) and at most `rowsPerRaterMax` rows in all (the newest), so that nobody owns the set.
 * Deterministic: equal feedback in any order gives equal rows, sorted by text.
 */
export function selectFeedbackRows(feedback: readonly Feedback[], rowsPerRaterMax: number): FeedbackSelection {
  const leftOut: Record<string, number> = {};
  const leaveOut = (reason: LeftOutReason, count = 1): void => {
    if (count > 0) leftOut[reason] = (leftOut[reason] ?? 0) + count;
  };
  const newestFirst = [...feedback].sort((a, b) => b.occurredTime.getTime() - a.occurredTime.getTime() || (a.id < b.id ? -1 : 1));
  const opinions = newestFirst.flatMap((item) => toOpinion(item, leaveOut));
  // By rater: a text that everybody asks about may have all of the feedback.
  const byText = new Map<string, Map<string, Opinion>>();
  const rowsOfRater = new Map<string, number>();
  for (const opinion of opinions) {
    const key = normalise(opinion.feedback.inputText);
    const group = byText.get(key) ?? new Map<string, Opinion>();
    if (group.has(opinion.feedback.raterHash)) {
      leaveOut('same_opinion');
      continue;
    }
    const used = rowsOfRater.get(opinion.feedback.raterHash) ?? 0;
    if (used >= rowsPerRaterMax) {
      leaveOut('rater_cap');
      continue;
    }
    rowsOfRater.set(opinion.feedback.raterHash, used + 1);
    byText.set(key, group.set(opinion.feedback.raterHash, opinion));
  }
  const rows = [...byText.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => vote([...group.values()], leaveOut));
  return { rows, leftOut };
}

function toOpinion(feedback: Feedback, leaveOut: (reason: LeftOutReason) => void): Opinion[] {
  if (feedback.inputText.trim() === '') {
    leaveOut('no_input');
    return [];
  }
  const correction = feedback.correction.trim();
  if (correction !== '') return [{ feedback, label: correction, origin: 'correction' }];
  const confirmed = feedback.value === true ? feedback.outputText.trim() : '';
  if (confirmed !== '') return [{ feedback, label: confirmed, origin: 'confirmation' }];
  leaveOut('no_label');
  return [];
}

function vote(group: Opinion[], leaveOut: (reason: LeftOutReason, count?: number) => void): FeedbackRow[] {
  const byLabel = new Map<string, Opinion[]>();
  for (const opinion of group) {
    const same = byLabel.get(opinion.label);
    if (same) same.push(opinion);
    else byLabel.set(opinion.label, [opinion]);
  }
  const ranked = [...byLabel.values()].sort((a, b) => b.length - a.length);
  if (ranked.length > 1 && ranked[0].length === ranked[1].length) {
    leaveOut('tie', group.length);
    return [];
  }
  const [winner] = ranked;
  leaveOut('same_opinion', winner.length - 1);
  leaveOut('outvoted', group.length - winner.length);
  const { feedback, label, origin } = winner[0];
  return [
    {
      text: feedback.inputText.trim(),
      label,
      inference_id: feedback.inferenceId,
      feedback_id: feedback.id,
      rater_hash: feedback.raterHash,
      votes: winner.length,
      origin,
    },
  ];
}

function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}
