// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { Opinion } from './opinion-consensus';
import type { RaterEvidence, RaterState } from './rater-reputation';

/** A person (or program) who gives feedback, known by a keyed hash only. */
export interface Rater {
  workspace: string;
  raterHash: string;
  kind: string;
  state: RaterState;
  reason: string;
  evidence: Partial<RaterEvidence>;
  feedbackCount: number;
  version: number;
  stateTime: Date;
  createTime: Date;
}

export abstract class RatersRepository {
  /**
   * Takes the review of one workspace that is due, for a short transaction of its own: feedback asks for a review in its transaction
   * and would wait for the end of this one. For `leaseSeconds` other processes leave it alone, then it is due again.
   */
  abstract claimReview(db: Queryable, leaseSeconds: number): Promise<string | undefined>;
  /** The review is done, with what was there when this transaction began. */
  abstract finishReview(db: Queryable, workspace: string): Promise<void>;
  /** The state of every rater of a workspace who is not simply trusted. */
  abstract suspects(db: Queryable, workspace: string): Promise<Map<string, RaterState>>;
  /** Accepted (and rejected as impossible) opinions of raters in good standing, newest last. Answers by their first 500 characters. */
  abstract opinions(db: Queryable, workspace: string, choice: { since: Date; rowsMax: number }): Promise<Opinion[]>;
  abstract knownAnswers(db: Queryable, workspace: string): Promise<Map<string, string>>;
  abstract putKnownAnswers(
    db: Queryable,
    workspace: string,
    answers: readonly { inputKey: string; answer: string }[],
  ): Promise<void>;
  abstract find(db: Queryable, workspace: string, raterHash: string): Promise<Rater | undefined>;
  abstract lock(db: Queryable, workspace: string, raterHash: string): Promise<Rater | undefined>;
  /** Saves state, reason and evidence, and raises the version by `events`; returns the new version. */
  abstract save(db: Queryable, rater: Rater, events: number): Promise<number>;
  abstract list(
    db: Queryable,
    filter: { workspace: string; state?: string },
    page: { after?: string; size: number },
  ): Promise<Rater[]>;
  /** Turns accepted feedback of a rater into retracted; returns the ids. */
  abstract retract(db: Queryable, rater: Rater, reason: string): Promise<string[]>;
}
