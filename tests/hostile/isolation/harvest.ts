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
  /** Path of the value in the answer: 'items.0.id'. */
  at: string;
}

const api = '/api/v1';
const mlflow = '/api/2.0/mlflow';

// In this order: later ones use what earlier ones found ({name}).
const sources: Source[] = [
  { name: 'dataset', service: 'ingestion', path: `${api}/datasets`, at: 'items.0.name' },
  { name: 'rawDataset', service: 'ingestion', path: `${api}/datasets/glossary-raw`, at: 'name' },
  { name: 'version', service: 'ingestion', path: `${api}/datasets/{rawDataset}/versions`, at: 'items.0.id' },
  { name: 'upload', service: 'ingestion', path: `${api}/uploads`, at: 'items.0.id' },
  { name: 'profile', service: 'data-prep', path: `${api}/profiles`, at: 'items.0.id' },
  { name: 'recipe', service: 'data-prep', path: `${api}/recipes`, at: 'items.0.name' },
  { name: 'recipeRun', service: 'data-prep', path: `${api}/recipe-runs`, at: 'items.0.id' },
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
  for (const { name, service, path, body, at } of sources) {
    const answer = await ask(service, fill(path, found), body === undefined ? undefined : fillAll(body, found));
    const value = at.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], answer);
    if (typeof value !== 'string' && typeof value !== 'number')
      throw new Error(`${service} ${path} has no ${at}: ${JSON.stringify(answer).slice(0, 600)}`);
    found[name] = String(value);
  }
  return found;
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

/**
 * What must not appear in a stranger's answer to a request: every id, name and a word of the rows, but not what the request
 * itself says (an error may repeat it).
 */
export function leaksIn(answer: string, request: string, found: Harvest): string[] {
  const marks = [...new Set(Object.values(found))].filter((mark) => mark.length >= 8);
  const said = decodeURIComponent(request.replace(/%(?![0-9a-f]{2})/gi, '%25'));
  return marks.filter((mark) => answer.includes(mark) && !said.includes(mark));
}
