// SPDX-License-Identifier: Apache-2.0
import { stagesOf } from '../experiments/experiment';
import type { FilterClause } from '../mlflow/filter';
import type { OrderBy } from '../mlflow/order-by';
import { afterTokenSql, compareSql, keyValueSql, type OrderTerm, pageSql, SqlParams } from '../mlflow/sql';
import type { RunSearch } from './runs.repository';

const ATTRIBUTES: Record<string, { sql: string; type: OrderTerm['type'] }> = {
  run_id: { sql: 'r.id', type: 'text' },
  run_name: { sql: 'r.name', type: 'text' },
  user_id: { sql: 'r.user_id', type: 'text' },
  status: { sql: 'r.status', type: 'text' },
  artifact_uri: { sql: 'r.artifact_uri', type: 'text' },
  start_time: { sql: 'r.start_ms', type: 'bigint' },
  end_time: { sql: 'r.end_ms', type: 'bigint' },
};

const sumOf = (table: string, bytes: string): string =>
  `(SELECT COALESCE(sum(${bytes}), 0) FROM ${table} d WHERE d.workspace = r.workspace AND d.run_id = r.id)`;
// A dataset alone may have a schema and a profile of megabytes. octet_length reads the size of a stored text without the text itself.
const BYTES = `400 + octet_length(r.name) + octet_length(r.user_id) + octet_length(r.artifact_uri)
  + ${sumOf('latest_metrics', '64 + octet_length(d.key)')}
  + ${sumOf('run_params', '24 + octet_length(d.key) + octet_length(d.value)')}
  + ${sumOf('run_tags', '24 + octet_length(d.key) + octet_length(d.value)')}
  + ${sumOf(
    'run_inputs',
    `100 + octet_length(d.name) + octet_length(d.source) + octet_length(d.tags::text)
      + COALESCE(octet_length(d.schema), 0) + COALESCE(octet_length(d.profile), 0)`,
  )}`;

export interface RunSearchStatement {
  sql: string;
  values: unknown[];
  terms: OrderTerm[];
  /** What a page token of this search is bound to. */
  filter: unknown;
}

/** The statement of a runs search; `columns` are of table alias `r`. Read its page with `pageOf`. */
export function runSearchStatement(workspace: string, search: RunSearch, columns: string): RunSearchStatement {
  const params = new SqlParams(workspace);
  const { view, clauses, orderBy, experimentIds } = search;
  const filter = ['runs', workspace, view, clauses, orderBy, experimentIds];
  const joins: string[] = [];
  const terms = orderTerms(orderBy, joins, params);
  const stages = stagesOf(view);
  const conditions = [
    'r.workspace = $1',
    // Single values as plain equality: then the index gives the order too.
    experimentIds.length === 1
      ? `r.experiment_id = ${params.add(experimentIds[0])}`
      : `r.experiment_id = ANY(${params.add(experimentIds)}::bigint[])`,
    stages.length === 1 ? `r.lifecycle_stage = ${params.add(stages[0])}` : 'TRUE',
    ...clauses.map((clause) => clauseSql(clause, params)),
    afterTokenSql(terms, search.pageToken, filter, params),
  ];
  const from = `runs r ${joins.join(' ')}`;
  const limit = params.add(search.limit + 1);
  const sql = pageSql({ columns, alias: 'r', from, conditions, terms, limit, bytes: BYTES, bytesMax: search.bytesMax });
  return { sql, values: params.values, terms, filter };
}

const LINK = 'kv.workspace = r.workspace AND kv.run_id = r.id';

function clauseSql(clause: FilterClause, params: SqlParams): string {
  switch (clause.entity) {
    case 'metric':
      return metricSql(clause, params);
    case 'parameter':
      return keyValueSql('run_params', LINK, clause, params);
    case 'tag':
      return keyValueSql('run_tags', LINK, clause, params);
    case 'dataset':
      return `EXISTS (SELECT 1 FROM run_inputs kv WHERE ${LINK} AND ${compareSql(`kv.${clause.key}`, clause, params)})`;
    case 'attribute':
      return compareSql(ATTRIBUTES[clause.key].sql, clause, params);
  }
}

// Every comparison with NaN is false, except that NaN differs from any number.
function metricSql(clause: FilterClause, params: SqlParams): string {
  const compare = compareSql('kv.value', clause, params);
  const matches = clause.comparator === '!=' ? `(${compare} OR kv.is_nan)` : `${compare} AND NOT kv.is_nan`;
  return `EXISTS (SELECT 1 FROM latest_metrics kv WHERE ${LINK} AND kv.key = ${params.add(clause.key)} AND ${matches})`;
}

function orderTerms(orderBy: readonly OrderBy[], joins: string[], params: SqlParams): OrderTerm[] {
  const terms = orderBy.flatMap((order, index) => termsOf(order, `o${index}`, joins, params));
  if (!orderBy.some(({ entity, key }) => entity === 'attribute' && key === 'start_time')) {
    terms.push({ ...ATTRIBUTES['start_time'], descending: true });
  }
  terms.push({ ...ATTRIBUTES['run_id'], descending: false });
  return terms;
}

// Missing values come last in both directions, NaN before them.
function termsOf(order: OrderBy, alias: string, joins: string[], params: SqlParams): OrderTerm[] {
  const { entity, key, descending } = order;
  if (entity === 'attribute') {
    const { sql, type } = ATTRIBUTES[key];
    if (key !== 'end_time') return [{ sql, type, descending }];
    return [
      { sql: `(CASE WHEN ${sql} IS NULL THEN 1 ELSE 0 END)`, type: 'bigint', descending: false },
      { sql: `COALESCE(${sql}, 0)`, type, descending },
    ];
  }
  const table = entity === 'metric' ? 'latest_metrics' : entity === 'tag' ? 'run_tags' : 'run_params';
  const place = params.add(key);
  joins.push(
    `LEFT JOIN ${table} ${alias} ON ${alias}.workspace = r.workspace AND ${alias}.run_id = r.id AND ${alias}.key = ${place}`,
  );
  const nan = entity === 'metric' ? `WHEN ${alias}.is_nan THEN 1 ` : '';
  return [
    { sql: `(CASE ${nan}WHEN ${alias}.value IS NULL THEN 2 ELSE 0 END)`, type: 'bigint', descending: false },
    entity === 'metric'
      ? { sql: `COALESCE(${alias}.value, 0)`, type: 'float8', descending }
      : { sql: `COALESCE(${alias}.value, '')`, type: 'text', descending },
  ];
}
