// SPDX-License-Identifier: Apache-2.0

/** Ids and names of one workspace's things, as its owner sees them: what a stranger may try, and must never see. */
export type Harvest = Record<string, string>;

/** Asks a door as the owner; JSON. */
export type Ask = (service: string, path: string, body?: unknown) => Promise<unknown>;

interface Source {
  name: string;
  service: string;
  path: string;
  body?: unknown;
  /** Path of the value in the answer: 'items.0.id'; a text on the way is read as JSON. */
  at: string;
  /** The part of the value to look for later: without quotes or brackets, which every format escapes in its own way. */
  pick?: RegExp;
}

const api = '/api/v1';
const mlflow = '/api/2.0/mlflow';

const PLAIN_WORDS = /[a-z][a-z ]{10,58}[a-z]/;

// In this order: later ones use what earlier ones found ({name}).
const sources: Source[] = [
  { name: 'dataset', service: 'ingestion', path: `${api}/datasets`, at: 'items.0.name' },
  { name: 'rawDataset', service: 'ingestion', path: `${api}/datasets/glossary-raw`, at: 'name' },
  { name: 'version', service: 'ingestion', path: `${api}/datasets/{rawDataset}/versions`, at: 'items.0.id' },
  { name: 'row', service: 'ingestion', path: `${api}/dataset-versions/{version}/rows`, at: 'items.0.json._row_id' },
  {
    name: 'rowText',
    service: 'ingestion',
    path: `${api}/dataset-versions/{version}/rows`,
    at: 'items.0.json.text',
    pick: PLAIN_WORDS,
  },
  {
    name: 'quarantined',
    service: 'ingestion',
    path: `${api}/dataset-versions/{version}/quarantine`,
    at: 'items.0.sample',
    pick: PLAIN_WORDS,
  },
  { name: 'upload', service: 'ingestion', path: `${api}/uploads`, at: 'items.0.id' },
  { name: 'profile', service: 'data-prep', path: `${api}/profiles`, at: 'items.0.id' },
  { name: 'label', service: 'data-prep', path: `${api}/profiles/{profile}`, at: 'result', pick: /substance/ },
  { name: 'recipe', service: 'data-prep', path: `${api}/recipes`, at: 'items.0.name' },
  { name: 'recipeRun', service: 'data-prep', path: `${api}/recipe-runs`, at: 'items.0.id' },
  { name: 'ledgerRow', service: 'data-prep', path: `${api}/recipe-runs/{recipeRun}/ledger`, at: 'items.0.rowId' },
  { name: 'job', service: 'training', path: `${api}/jobs`, at: 'items.0.id' },
  { name: 'evaluation', service: 'training', path: `${api}/evaluation-jobs`, at: 'items.0.id' },
  { name: 'otherEvaluation', service: 'training', path: `${api}/evaluation-jobs`, at: 'items.1.id' },
  { name: 'pipeline', service: 'training', path: `${api}/pipelines`, at: 'items.0.name' },
  { name: 'pipelineRun', service: 'training', path: `${api}/pipeline-runs`, at: 'items.0.id' },
  { name: 'model', service: 'registry', path: `${api}/models`, at: 'items.0.name' },
  { name: 'approval', service: 'registry', path: `${api}/approvals`, at: 'items.0.id' },
  {
    name: 'experiment',
    service: 'registry',
    path: `${mlflow}/experiments/search?max_results=50`,
    at: 'experiments.0.experiment_id',
  },
  {
    name: 'experimentName',
    service: 'registry',
    path: `${mlflow}/experiments/get?experiment_id={experiment}`,
    at: 'experiment.name',
  },
  {
    name: 'run',
    service: 'registry',
    path: `${mlflow}/runs/search`,
    body: { experiment_ids: ['{experiment}'] },
    at: 'runs.0.info.run_id',
  },
  { name: 'endpoint', service: 'gateway', path: `${api}/endpoints`, at: 'items.0.name' },
  { name: 'rollout', service: 'gateway', path: `${api}/rollouts`, at: 'items.0.id' },
  { name: 'apiKey', service: 'gateway', path: `${api}/api-keys`, at: 'items.0.id' },
  { name: 'feedback', service: 'monitoring', path: `${api}/feedback`, at: 'items.0.id' },
  { name: 'inference', service: 'monitoring', path: `${api}/inferences`, at: 'items.0.id' },
  { name: 'inferenceText', service: 'monitoring', path: `${api}/inferences/{inference}`, at: 'inputText', pick: PLAIN_WORDS },
  { name: 'rater', service: 'monitoring', path: `${api}/raters`, at: 'items.0.raterHash' },
  { name: 'monitor', service: 'monitoring', path: `${api}/monitors`, at: 'items.0.name' },
  { name: 'alert', service: 'monitoring', path: `${api}/alerts`, at: 'items.0.id' },
  { name: 'verdict', service: 'monitoring', path: `${api}/verdicts`, at: 'items.0.id' },
  { name: 'proposal', service: 'monitoring', path: `${api}/proposals`, at: 'items.0.id' },
  { name: 'webhook', service: 'monitoring', path: `${api}/webhooks`, at: 'items.0.id' },
];

/** Collects one of each kind; throws when the owner finds none, because then nothing would be tested. */
export async function harvest(ask: Ask): Promise<Harvest> {
  const found: Harvest = {};
  const missing: string[] = [];
  for (const { name, service, path, body, at, pick } of sources) {
    try {
      const answer = await ask(service, fill(path, found), body === undefined ? undefined : fillAll(body, found));
      const value = picked(at.split('.').reduce<unknown>(memberOf, answer), pick);
      if (value === undefined || value === '') throw new Error(`no ${at} in ${JSON.stringify(answer).slice(0, 600)}`);
      found[name] = value;
    } catch (error) {
      missing.push(`{${name}} from ${service} ${path}: ${(error as Error).message}`);
    }
  }
  if (missing.length > 0) throw new Error(missing.join('\n'), { cause: found });
  return found;
}

function memberOf(node: unknown, key: string): unknown {
  const parent: unknown = typeof node === 'string' ? JSON.parse(node) : node;
  return (parent as Record<string, unknown> | undefined)?.[key];
}

function picked(value: unknown, pick?: RegExp): string | undefined {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return pick === undefined ? text : pick.exec(text)?.[0];
}

/** `{name}` by what was found. */
export function fill(text: string, found: Harvest): string {
  return text.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const value = found[name];
    if (value === undefined) throw new Error(`nothing is known as {${name}}`);
    return encodeURIComponent(value);
  });
}

/** The same for every text of a JSON value, unescaped. */
export function fillAll<T>(value: T, found: Harvest): T {
  return JSON.parse(JSON.stringify(value), (_key, item: unknown) =>
    typeof item === 'string' ? decodeURIComponent(fill(item, found)) : item,
  ) as T;
}
