// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import type { MinuteRollup } from '../rollups/minute-rollup';
import { InferencesRepository, type Inference, type RollupQuery } from './inferences.repository';

const FIELDS: readonly [keyof Inference, string, string][] = [
  ['workspace', 'workspace', 'text'],
  ['id', 'id', 'text'],
  ['responseId', 'response_id', 'text'],
  ['endpoint', 'endpoint', 'text'],
  ['modelName', 'model_name', 'text'],
  ['modelVersion', 'model_version', 'integer'],
  ['modelManifestDigest', 'model_manifest_digest', 'text'],
  ['rolloutId', 'rollout_id', 'text'],
  ['arm', 'arm', 'text'],
  ['userHash', 'user_hash', 'text'],
  ['statusCode', 'status_code', 'integer'],
  ['errorCode', 'error_code', 'text'],
  ['latencyMs', 'latency_ms', 'double precision'],
  ['promptTokens', 'prompt_tokens', 'integer'],
  ['completionTokens', 'completion_tokens', 'integer'],
  ['inputText', 'input_text', 'text'],
  ['outputText', 'output_text', 'text'],
  ['inputKey', 'input_key', 'text'],
  ['requestTime', 'request_time', 'timestamptz'],
];
const NAMES = FIELDS.map(([, name]) => name).join(', ');
const UNNEST = FIELDS.map(([, , type], index) => `$${index + 1}::${type}[]`).join(', ');
const SELECT = FIELDS.map(([field, name]) => `${name} as "${field}"`).join(', ');

@Injectable()
export class TypeormInferences extends InferencesRepository {
  async insert(db: Queryable, inferences: readonly Inference[]): Promise<Set<string>> {
    if (inferences.length === 0) return new Set();
    const rows = await db.query<{ workspace: string; id: string }>(
      `insert into inferences (${NAMES}) select * from unnest(${UNNEST}) on conflict do nothing returning workspace, id`,
      FIELDS.map(([field]) => inferences.map((inference) => inference[field])),
    );
    return new Set(rows.map((row) => `${row.workspace}/${row.id}`));
  }

  async addRollups(db: Queryable, rollups: readonly MinuteRollup[]): Promise<void> {
    if (rollups.length === 0) return;
    const column = (pick: (rollup: MinuteRollup) => unknown): unknown[] => rollups.map(pick);
    // Histograms have different lengths, which unnest of a 2-d array cannot carry: they travel as array literals.
    await db.query(
      `insert into minute_rollups as r (workspace, minute, endpoint, model_name, model_version, arm, requests, failures,
         prompt_tokens, completion_tokens, latency_ms_sum, latency_ms_histogram, completion_tokens_histogram)
       select w, m, e, n, v, a, q, f, p, c, l, lh::integer[], ch::integer[]
       from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::bigint[], $8::bigint[],
         $9::bigint[], $10::bigint[], $11::double precision[], $12::text[], $13::text[])
         as t (w, m, e, n, v, a, q, f, p, c, l, lh, ch)
       on conflict (workspace, endpoint, minute, model_name, model_version, arm) do update set
         requests = r.requests + excluded.requests, failures = r.failures + excluded.failures,
         prompt_tokens = r.prompt_tokens + excluded.prompt_tokens,
         completion_tokens = r.completion_tokens + excluded.completion_tokens,
         latency_ms_sum = r.latency_ms_sum + excluded.latency_ms_sum,
         latency_ms_histogram = add_histograms(r.latency_ms_histogram, excluded.latency_ms_histogram),
         completion_tokens_histogram = add_histograms(r.completion_tokens_histogram, excluded.completion_tokens_histogram)`,
      [
        column((each) => each.workspace),
        column((each) => each.minute),
        column((each) => each.endpoint),
        column((each) => each.modelName),
        column((each) => each.modelVersion),
        column((each) => each.arm),
        column((each) => each.requests),
        column((each) => each.failures),
        column((each) => each.promptTokens),
        column((each) => each.completionTokens),
        column((each) => each.latencyMsSum),
        column((each) => `{${each.latencyMsHistogram.join(',')}}`),
        column((each) => `{${each.completionTokensHistogram.join(',')}}`),
      ],
    );
  }

  async find(db: Queryable, workspace: string, id: string): Promise<Inference | undefined> {
    const [row] = await db.query<Inference>(`select ${SELECT} from inferences where workspace = $1 and id = $2`, [workspace, id]);
    return row;
  }

  async list(
    db: Queryable,
    filter: { workspace: string; endpoint?: string; rolloutId?: string },
    page: { before?: { requestTime: string; id: string }; size: number },
  ): Promise<Inference[]> {
    return db.query<Inference>(
      `select ${SELECT} from inferences
       where workspace = $1 and ($2::text is null or endpoint = $2) and ($3::text is null or rollout_id = $3)
         and ($4::timestamptz is null or (request_time, id) < ($4, $5))
       order by request_time desc, id desc limit $6`,
      [
        filter.workspace,
        filter.endpoint ?? null,
        filter.rolloutId ?? null,
        page.before?.requestTime ?? null,
        page.before?.id ?? null,
        page.size,
      ],
    );
  }

  async rollups(db: Queryable, query: RollupQuery): Promise<MinuteRollup[]> {
    const rows = await db.query<MinuteRollup & Record<'requests' | 'failures' | 'promptTokens' | 'completionTokens', unknown>>(
      `select workspace, minute, endpoint, model_name as "modelName", model_version as "modelVersion", arm, requests, failures,
         prompt_tokens as "promptTokens", completion_tokens as "completionTokens", latency_ms_sum as "latencyMsSum",
         latency_ms_histogram as "latencyMsHistogram", completion_tokens_histogram as "completionTokensHistogram"
       from minute_rollups
       where workspace = $1 and ($2::text is null or endpoint = $2) and minute >= $3 and minute < $4
       order by minute, endpoint, model_name, model_version, arm limit 10000`,
      [query.workspace, query.endpoint ?? null, query.from, query.to],
    );
    return rows.map((row) => ({
      ...row,
      requests: Number(row.requests),
      failures: Number(row.failures),
      promptTokens: Number(row.promptTokens),
      completionTokens: Number(row.completionTokens),
    }));
  }
}
