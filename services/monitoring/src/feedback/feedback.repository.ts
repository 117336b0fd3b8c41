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

/** A row to insert; attribution comes later from the inference. */
export type NewFeedback = Omit<
  Feedback,
  'receiveTime' | 'endpoint' | 'modelName' | 'modelVersion' | 'rolloutId' | 'arm' | 'inputText' | 'outputText'
>;

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

/** One rater's bound of a day after a batch was added to it. */
export interface RaterDayCount {
  workspace: string;
  raterHash: string;
  count: number;
}

/** What a rater's record says when a batch arrives. `version` is the value after `added` was added. */
export interface RaterStanding {
  workspace: string;
  raterHash: string;
  state: string;
  version: number;
}

export abstract class FeedbackRepository {
  abstract metrics(db: Queryable, workspaces: readonly string[]): Promise<Map<string, MetricDefinition>>;
  abstract putMetric(db: Queryable, workspace: string, metric: MetricDefinition): Promise<void>;
  abstract listMetrics(db: Queryable, workspace: string): Promise<MetricDefinition[]>;
  /** Inserts what is new by (workspace, source, source id); returns the ids of the new rows. */
  abstract insert(db: Queryable, rows: readonly NewFeedback[]): Promise<Set<string>>;
  abstract findBySource(db: Queryable, keys: { workspace: string; source: string; sourceIds: string[] }): Promise<Feedback[]>;
  /** Attributes unmatched feedback to inferences that are known by now and locks it; the state is not changed yet. */
  abstract attributeByFeedback(db: Queryable, keys: readonly { workspace: string; id: string }[]): Promise<Feedback[]>;
  abstract attributeByInference(db: Queryable, keys: readonly { workspace: string; id: string }[]): Promise<Feedback[]>;
  /** As above for feedback that both doors missed in a race. */
  abstract attributeLeftOver(db: Queryable, rowsMax: number): Promise<Feedback[]>;
  abstract setStates(db: Queryable, rows: readonly Pick<Feedback, 'workspace' | 'id' | 'state' | 'stateReason'>[]): Promise<void>;
  abstract addRaterDays(
    db: Queryable,
    day: string,
    counts: readonly { workspace: string; raterHash: string; added: number }[],
  ): Promise<RaterDayCount[]>;
  abstract addRaters(
    db: Queryable,
    counts: readonly { workspace: string; raterHash: string; kind: string; added: number }[],
  ): Promise<RaterStanding[]>;
  abstract askForReview(db: Queryable, workspaces: readonly string[], due: Date): Promise<void>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Feedback | undefined>;
  abstract list(db: Queryable, filter: FeedbackFilter, page: { after?: string; size: number }): Promise<Feedback[]>;
  abstract summary(db: Queryable, workspace: string): Promise<FeedbackSummary[]>;
}
