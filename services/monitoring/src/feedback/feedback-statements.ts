// SPDX-License-Identifier: Apache-2.0
/** What deciding about a piece needs of it. */
const DECIDED = `f.workspace, f.id, f.state, f.state_reason as "stateReason", f.metric, f.value, f.correction, f.rater_hash as "raterHash",
  f.rater_kind as "raterKind", f.occurred_time as "occurredTime"`;
const routeOf = (table: 'f' | 'i'): string => `${table}.endpoint, ${table}.model_name as "modelName",
  ${table}.model_version as "modelVersion", ${table}.rollout_id as "rolloutId", ${table}.arm`;
const columns = (text: (column: string) => string): string => `${DECIDED}, f.source, f.source_id as "sourceId", f.good,
  f.impossible, f.comment, f.receive_time as "receiveTime", f.inference_id as "inferenceId", ${routeOf('f')},
  ${text('input_text')} as "inputText", ${text('output_text')} as "outputText"`;
export const FEEDBACK_COLUMNS = columns((column) => `f.${column}`);
/** Of `f` with the bytes `through` it; texts are read as far as they fit into $1 together, and of the first row. */
export const FITTING_FEEDBACK_COLUMNS = columns((column) => `case when f.through <= $1 or f.n = 1 then f.${column} else '' end`);

/** UTF-8 bytes of both texts of a piece up to which they are read with it: with thousands of pieces in a batch some megabytes. */
const SHORT_TEXT_BYTES_MAX = 1_024;
// octet_length reads the size of a stored text without the text itself.
export const textBytesOf = (table: 'f' | 'i'): string => `octet_length(${table}.input_text) + octet_length(${table}.output_text)`;
const ifShort = (table: 'f' | 'i', column: string): string =>
  `case when ${textBytesOf(table)} <= ${SHORT_TEXT_BYTES_MAX} then ${table}.${column} end`;
/** What feedback takes over from its inference: from the inference itself, or as it was taken over. */
const taken = (table: 'f' | 'i'): string => `${routeOf(table)}, ${ifShort(table, 'input_text')} as "inputText",
  ${ifShort(table, 'output_text')} as "outputText", ${textBytesOf(table)} as "textBytes"`;

// The inference of a piece of feedback by either id, each by an index lookup: an OR over both ids would scan the table. It is named
// by our id, whichever id the caller gave.
const inferenceOf = (table: 'f' | 't'): string => `lateral (
      select * from inferences i where i.workspace = ${table}.workspace and i.id = ${table}.inference_id
      union all
      select * from inferences i
        where i.workspace = ${table}.workspace and i.response_id = ${table}.inference_id and i.response_id <> ''
      limit 1) i`;

// Chosen feedback (`f`), locked, as it looks with its inference. Nothing is written yet: `settle` writes each row once.
export function attribute(chosen: string, tail = 'for update of f'): string {
  return `select ${DECIDED}, i.id as "inferenceId", ${taken('i')} from feedback f cross join ${inferenceOf('f')}
    where f.state = 'unmatched' and ${chosen} ${tail}`;
}

/** Inserts new pieces as accepted where their inference is known, with what they take over from it. */
export const INSERT_FEEDBACK = `insert into feedback as f (workspace, id, source, source_id, inference_id, state, state_reason,
    metric, value, good, correction, impossible, comment, rater_hash, rater_kind, occurred_time, match_time, endpoint, model_name, model_version,
    rollout_id, arm, input_text, output_text, input_key, request_time)
  select t.workspace, t.id, t.source, t.source_id, coalesce(i.id, t.inference_id),
    case when i.id is null then t.state else 'accepted' end, t.state_reason, t.metric, t.value, t.good, t.correction, t.impossible,
    t.comment, t.rater_hash, t.rater_kind, t.occurred_time, case when i.id is not null then clock_timestamp() end,
    coalesce(i.endpoint, ''), coalesce(i.model_name, ''), coalesce(i.model_version, 0), coalesce(i.rollout_id, ''),
    coalesce(i.arm, ''), coalesce(i.input_text, ''), coalesce(i.output_text, ''), coalesce(i.input_key, ''), i.request_time
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
      $10::boolean[], $11::text[], $12::boolean[], $13::text[], $14::text[], $15::text[], $16::timestamptz[])
    as t (workspace, id, source, source_id, inference_id, state, state_reason, metric, value, good, correction, impossible, comment,
      rater_hash, rater_kind, occurred_time)
    left join ${inferenceOf('t')} on t.state = 'unmatched'
  on conflict (workspace, source, source_id) do nothing
  returning f.id, f.state, f.inference_id as "inferenceId", ${taken('f')}`;
