// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { Feedback } from './feedback';
import { FeedbackRepository, type FeedbackQuery, type FeedbackSize } from './feedback.repository';

interface FeedbackRecord {
  id: string;
  workspace: string;
  inference_id: string;
  model_name: string;
  model_version: number;
  metric: string;
  value: unknown;
  correction: string;
  input_text: string;
  output_text: string;
  rater_hash: string;
  occurred_time: Date;
}

@Injectable()
export class TypeormFeedbackRepository extends FeedbackRepository {
  async insert(tx: Transaction, feedback: Feedback[]): Promise<void> {
    if (feedback.length === 0) return;
    const column = (key: keyof Feedback) => feedback.map((item) => item[key]);
    await tx.query(
      `insert into feedback (workspace, id, inference_id, model_name, model_version, metric, value, correction, input_text, output_text,
         rater_hash, occurred_time)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::jsonb[], $8::text[], $9::text[],
         $10::text[], $11::text[], $12::timestamptz[])
       on conflict (workspace, id) do nothing`,
      [
        column('workspace'), column('id'), column('inferenceId'), column('modelName'), column('modelVersion'), column('metric'),
        feedback.map((item) => JSON.stringify(item.value ?? null)), column('correction'), column('inputText'), column('outputText'),
        column('raterHash'), column('occurredTime'),
      ], // prettier-ignore
    );
  }

  async retract(tx: Transaction, workspace: string, feedbackIds: string[], reason: string): Promise<void> {
    await tx.query(
      `insert into feedback_retractions (workspace, feedback_id, reason) select $1, unnest($2::text[]), $3 on conflict do nothing`,
      [workspace, feedbackIds, reason],
    );
  }

  list(db: Queryable, query: FeedbackQuery): Promise<FeedbackSize[]> {
    return db.query<FeedbackSize>(
      // Joined when it is read: a mark on the row would be lost when feedback and retraction are taken in at the same moment.
      // octet_length reads the size of a stored text without the text itself.
      `select f.id, octet_length(f.input_text) + octet_length(f.output_text) + octet_length(f.correction) as "textBytes"
       from feedback f left join feedback_retractions r on r.workspace = f.workspace and r.feedback_id = f.id
       where f.workspace = $1 and f.model_name = $2 and (r.feedback_id is not null) = $3
         and ($4::timestamptz is null or f.occurred_time > $4) order by f.occurred_time desc, f.id limit $5`,
      [query.workspace, query.modelName, query.retracted, query.sinceTime ?? null, query.limit],
    );
  }

  async read(db: Queryable, workspace: string, ids: readonly string[]): Promise<Feedback[]> {
    const rows = await db.query<FeedbackRecord>(
      // The limit makes an index lookup of each: a plan for all ids together scans the workspace where statistics are old.
      `select f.* from unnest($2::text[]) as t (id)
         cross join lateral (select * from feedback where workspace = $1 and id = t.id limit 1) f`,
      [workspace, ids],
    );
    return rows.map((row) => ({
      id: row.id,
      workspace: row.workspace,
      inferenceId: row.inference_id,
      modelName: row.model_name,
      modelVersion: row.model_version,
      metric: row.metric,
      value: row.value,
      correction: row.correction,
      inputText: row.input_text,
      outputText: row.output_text,
      raterHash: row.rater_hash,
      occurredTime: row.occurred_time,
    }));
  }
}
