// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import { DueWorkRepository, TABLE_TASKS } from './due-work.repository';

/** One statement of index probes, so that a quiet second costs one round trip and not one transaction per task. */
@Injectable()
export class TypeormDueWork extends DueWorkRepository {
  async due(db: Queryable): Promise<Set<string>> {
    const [row] = await db.query<Record<string, boolean>>(
      `select
         exists (select 1 from feedback where state = 'unmatched' and receive_time > now() - interval '1 day') as "join-feedback",
         exists (select 1 from rater_reviews where due_time <= now())
           or exists (select 1 from rater_review_claims where lease_until <= now()) as "review-raters",
         exists (select 1 from monitors where evaluate_time <= now()) as "evaluate-monitors",
         exists (select 1 from rollouts where state = 'live' and not decided and evaluate_time <= now()) as "judge-rollouts"`,
    );
    return new Set(TABLE_TASKS.filter((task) => row?.[task] === true));
  }
}
