// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';

/** Tasks of the loop that find their work in tables. */
export const TABLE_TASKS = ['join-feedback', 'review-raters', 'evaluate-monitors', 'judge-rollouts'] as const;

export abstract class DueWorkRepository {
  /** Names of the tasks that have something to do now. */
  abstract due(db: Queryable): Promise<Set<string>>;
}
