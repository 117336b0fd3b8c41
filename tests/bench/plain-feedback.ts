// SPDX-License-Identifier: Apache-2.0
// The plain table that bench:feedback fills with our consumer host and without it: the same rows by the same statement.

export interface PlainFeedback {
  id: string;
  inferenceId: string;
  metric: string;
  valueJson: string;
  rater: string;
  comment: string;
  time: string;
}

/** How much both take from Kafka at a time: as monitoring's consumer of the topic. */
export const TAKEN = { sizeMax: 1_000, fetchBytesMax: 1024 * 1024, partitionsConcurrentMax: 6 };

type Query = (sql: string, params: unknown[]) => Promise<unknown>;

export const CREATE_PLAIN_FEEDBACK = `create table if not exists plain_feedback (
  workspace text not null, source text not null, source_id text not null, inference_id text not null, metric text not null,
  value jsonb not null, rater text not null, comment text not null, occurred_time timestamptz not null,
  primary key (workspace, source, source_id))`;

export async function insertPlainFeedback(query: Query, rows: readonly PlainFeedback[]): Promise<void> {
  await query(
    `insert into plain_feedback select 'default', 'bench', * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[],
       $5::text[], $6::text[], $7::timestamptz[]) on conflict do nothing`,
    [
      rows.map((row) => row.id),
      rows.map((row) => row.inferenceId),
      rows.map((row) => row.metric),
      rows.map((row) => row.valueJson),
      rows.map((row) => row.rater),
      rows.map((row) => row.comment),
      rows.map((row) => row.time),
    ],
  );
}
