// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { FeedbackValue } from './feedback-draft';
import type { MetricDefinition } from './metric-definition';

/**
 * unmatched: the inference is not known (yet). accepted: counts. capped: over the rater's bound of a day. rejected: contradicts
 * its metric. retracted: had been accepted, then its rater was quarantined (or came from one who already was).
 */
export type FeedbackState = 'unmatched' | 'accepted' | 'capped' | 'rejected' | 'retracted';

/** One stored piece of feedback with what it was attributed to. */
export interface Feedback {
  workspace: string;
  id: string;
  source: string;
  sourceId: string;
  inferenceId: string;
  state: FeedbackState;
  stateReason: string;
  metric: string;
  value: FeedbackValue;
  good: boolean | null;
  correction: string;
  impossible: boolean;
  comment: string;
  raterHash: string;
  raterKind: string;
  occurredTime: Date;
  receiveTime: Date;
  endpoint: string;
  modelName: string;
  modelVersion: number;
  rolloutId: string;
  arm: string;
  inputText: string;
  outputText: string;
}

/** What feedback takes over from its inference. */
export type Taken = 'endpoint' | 'modelName' | 'modelVersion' | 'rolloutId' | 'arm' | 'inputText' | 'outputText';

/** A row to insert. The insert itself attributes what is `unmatched` and whose inference is known: that is stored as `accepted`. */
export type NewFeedback = Omit<Feedback, 'receiveTime' | Taken>;

/** Feedback with its attribution, as far as deciding about it needs it. */
export interface AttributedFeedback extends Omit<
  Feedback,
  'source' | 'sourceId' | 'good' | 'impossible' | 'comment' | 'receiveTime' | keyof FeedbackTexts
> {
  /** Long texts are not read with it, because thousands of pieces may name one inference: both are null then; `texts` reads them. */
  inputText: string | null;
  outputText: string | null;
  /** UTF-8 bytes of both texts, read or not. */
  textBytes: number;
}

export type FeedbackTexts = Pick<Feedback, 'inputText' | 'outputText'>;

export interface FeedbackFilter {
  workspace: string;
  state?: string;
  inferenceId?: string;
  raterHash?: string;
  modelName?: string;
}

/** Sums of feedback of one version and arm. */
export interface FeedbackSummary {
  endpoint: string;
  modelName: string;
  modelVersion: number;
  arm: string;
  rolloutId: string;
  metric: string;
  state: FeedbackState;
  count: number;
  good: number;
  bad: number;
  corrections: number;
}

/** Pieces of one rater in a batch. */
export interface RaterTally {
  workspace: string;
  raterHash: string;
  kind: string;
  added: number;
}

/** What a rater's record says when a batch arrives. `version` and `dayCount` are the values after `added` was added. */
export interface RaterStanding {
  workspace: string;
  raterHash: string;
  state: string;
  version: number;
  /** Pieces of that day, before the bound is applied; a quarantined rater's are not counted. */
  dayCount: number;
}

export abstract class FeedbackRepository {
  abstract metrics(db: Queryable, workspaces: readonly string[]): Promise<Map<string, MetricDefinition>>;
  abstract putMetric(db: Queryable, workspace: string, metric: MetricDefinition): Promise<void>;
  abstract listMetrics(db: Queryable, workspace: string): Promise<MetricDefinition[]>;
  /** Inserts what is new by (workspace, source, source id), joined to its inference; returns the new rows as stored, in order. */
  abstract insert(db: Queryable, rows: readonly NewFeedback[]): Promise<AttributedFeedback[]>;
  /** Changes the state of rows that this transaction inserted as accepted. */
  abstract refuse(db: Queryable, rows: readonly AttributedFeedback[]): Promise<void>;
  /** Of many pieces with long texts not all have them: an answer takes 1 MiB of them. */
  abstract findBySource(db: Queryable, keys: { workspace: string; source: string; sourceIds: string[] }): Promise<Feedback[]>;
  /** Unmatched feedback of inferences that are known by now, locked, with what it takes over; nothing is written yet. */
  abstract attributeByInference(db: Queryable, keys: readonly { workspace: string; id: string }[]): Promise<AttributedFeedback[]>;
  /** As above for feedback of the last seconds that both doors missed in a race. */
  abstract attributeLeftOver(db: Queryable, choice: { seconds: number; rowsMax: number }): Promise<AttributedFeedback[]>;
  /** Texts of stored feedback by its id. */
  abstract texts(db: Queryable, rows: readonly AttributedFeedback[]): Promise<Map<string, FeedbackTexts>>;
  /** Writes the final state of attributed feedback and what it takes over. Throws COMMON.UNAVAILABLE when an inference went away. */
  abstract settle(db: Queryable, rows: readonly AttributedFeedback[]): Promise<void>;
  /**
   * Counts a batch to its raters and their day, locks them, and asks for a review unless all of them are quarantined, due `reviewSeconds` after the transaction began by
   * the database's clock; one that is asked for already keeps its time. `counts` are sorted, so that batches lock in one order.
   */
  abstract addRaters(
    db: Queryable,
    counts: readonly RaterTally[],
    when: { day: string; reviewSeconds: number },
  ): Promise<RaterStanding[]>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Feedback | undefined>;
  /** Newest first. */
  abstract list(db: Queryable, filter: FeedbackFilter, page: { after?: string; size: number }): Promise<Feedback[]>;
  abstract summary(db: Queryable, workspace: string): Promise<FeedbackSummary[]>;
}
