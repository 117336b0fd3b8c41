// SPDX-License-Identifier: Apache-2.0

import { processNames } from '../../../deploy/local/processes';
import type { Expected } from './judge';

/** What a stranger asks each reading route, by 'service METHOD route'; `{name}` is an id or name of the other workspace. */
export interface HttpCase extends Expected {
  /** The route with its parameters filled, and a query. */
  path: string;
  body?: unknown;
}

const api = '/api/v1';
const mlflow = '/api/2.0/mlflow';
const figures = 'answers figures, no ids and no words';
const FILTER = { gets: 'nothing', because: 'the name is a filter, or nothing is kept for an unknown one' } as const;
const PAGE = { gets: 'own', because: 'a page for people, of a workspace with nothing in it' } as const;
const chat = { model: '{endpoint}', messages: [{ role: 'user', content: 'a furry animal' }], max_tokens: 2 };

/** Open at every process: probes and scrapers carry no token. */
const systemRoutes = {
  '/health/live': 'the state of the process',
  '/health/ready': 'the state of the process',
  '/health/serving': 'the state of the process',
  '/metrics': 'figures of the process; labels are names of code, not of tenants',
  '/openapi.json': 'the document of the routes',
  '/version': 'what was built',
};

export const httpCases: Record<string, HttpCase> = {
  'data-prep GET /api/v1/profiles': { path: `${api}/profiles` },
  'data-prep GET /api/v1/profiles/:id': { path: `${api}/profiles/{profile}` },
  'data-prep GET /api/v1/profiles/:id/report.html': { path: `${api}/profiles/{profile}/report.html` },
  'data-prep GET /api/v1/recipes': { path: `${api}/recipes` },
  'data-prep GET /api/v1/recipes/:name': { path: `${api}/recipes/{recipe}` },
  'data-prep POST /api/v1/recipe-previews': {
    path: `${api}/recipe-previews`,
    body: { recipeName: '{recipe}', inputVersion: '{version}', rowsMax: 20 },
    ownerSeesNoMark: figures,
  },
  'data-prep GET /api/v1/recipe-runs': { path: `${api}/recipe-runs` },
  'data-prep GET /api/v1/recipe-runs/:id': { path: `${api}/recipe-runs/{recipeRun}` },
  'data-prep GET /api/v1/recipe-runs/:id/ledger': { path: `${api}/recipe-runs/{recipeRun}/ledger` },
  'gateway GET /api/v1/api-keys': { path: `${api}/api-keys` },
  'gateway GET /api/v1/deployments': { path: `${api}/deployments` },
  'gateway GET /api/v1/endpoints': { path: `${api}/endpoints` },
  'gateway GET /api/v1/endpoints/:name': { path: `${api}/endpoints/{endpoint}` },
  'gateway GET /api/v1/inference-events/dropped': {
    path: `${api}/inference-events/dropped`,
    ownerSeesNothing: 'nothing was dropped',
  },
  'gateway GET /api/v1/rollouts': { path: `${api}/rollouts` },
  'gateway GET /api/v1/rollouts/:id': { path: `${api}/rollouts/{rollout}` },
  'gateway GET /v1/models': {
    path: '/v1/models',
    stranger: { gets: 'own', because: 'a list of nothing says that it is a list' },
  },
  'gateway GET /v1/models/:id': { path: '/v1/models/{endpoint}' },
  'gateway POST /v1/chat/completions': { path: '/v1/chat/completions', body: chat },
  'gateway POST /v1/completions': {
    path: '/v1/completions',
    body: { model: '{endpoint}', prompt: 'a furry animal', max_tokens: 2 },
  },
  'ingestion GET /api/v1/datasets': { path: `${api}/datasets` },
  'ingestion GET /api/v1/datasets/:dataset': { path: `${api}/datasets/{rawDataset}` },
  'ingestion GET /api/v1/datasets/:dataset/versions': { path: `${api}/datasets/{rawDataset}/versions` },
  'ingestion GET /api/v1/dataset-versions/:version': { path: `${api}/dataset-versions/{version}` },
  'ingestion GET /api/v1/dataset-versions/:version/rows': {
    path: `${api}/dataset-versions/{version}/rows`,
  },
  'ingestion GET /api/v1/dataset-versions/:version/quarantine': {
    path: `${api}/dataset-versions/{version}/quarantine`,
  },
  'ingestion GET /api/v1/dataset-versions/:version/export': {
    path: `${api}/dataset-versions/{version}/export`,
  },
  'ingestion GET /api/v1/uploads': { path: `${api}/uploads` },
  'monitoring GET /api/v1/alerts': { path: `${api}/alerts` },
  'monitoring GET /api/v1/alerts/:id': { path: `${api}/alerts/{alert}` },
  'monitoring GET /api/v1/feedback': { path: `${api}/feedback` },
  'monitoring GET /api/v1/feedback/:id': { path: `${api}/feedback/{feedback}` },
  'monitoring GET /api/v1/feedback-summary': { path: `${api}/feedback-summary` },
  'monitoring GET /api/v1/metrics': { path: `${api}/metrics`, ownerSeesNothing: 'the demo defines none' },
  'monitoring GET /api/v1/inferences': { path: `${api}/inferences` },
  'monitoring GET /api/v1/inferences/:id': { path: `${api}/inferences/{inference}` },
  'monitoring GET /api/v1/rollups': { path: `${api}/rollups?endpoint={endpoint}`, stranger: FILTER },
  'monitoring GET /api/v1/monitors': { path: `${api}/monitors` },
  'monitoring GET /api/v1/monitors/:monitor': { path: `${api}/monitors/{monitor}` },
  'monitoring GET /api/v1/proposals': { path: `${api}/proposals` },
  'monitoring GET /api/v1/proposals/:id': { path: `${api}/proposals/{proposal}` },
  'monitoring GET /api/v1/raters': { path: `${api}/raters` },
  'monitoring GET /api/v1/raters/:raterHash': { path: `${api}/raters/{rater}` },
  'monitoring GET /api/v1/rollouts': { path: `${api}/rollouts` },
  'monitoring GET /api/v1/rollouts/:id': { path: `${api}/rollouts/{rollout}` },
  'monitoring GET /api/v1/verdicts': { path: `${api}/verdicts` },
  'monitoring GET /api/v1/verdicts/:id': { path: `${api}/verdicts/{verdict}` },
  'monitoring POST /api/v1/verdicts/:id/recompute': {
    path: `${api}/verdicts/{verdict}/recompute`,
    body: {},
    ownerSeesNoMark: figures,
  },
  'monitoring GET /api/v1/webhooks': { path: `${api}/webhooks` },
  'monitoring GET /api/v1/webhook-deliveries': { path: `${api}/webhook-deliveries` },
  'registry GET /api/v1/models/:name/aliases/:alias': { path: `${api}/models/{model}/aliases/champion` },
  'registry GET /api/v1/models/:name/aliases/:alias/history': {
    path: `${api}/models/{model}/aliases/champion/history`,
    stranger: FILTER,
  },
  'registry GET /api/v1/models/:name/alias-policies': {
    path: `${api}/models/{model}/alias-policies`,
    ownerSeesNoMark: figures,
    stranger: FILTER,
  },
  'registry GET /api/v1/approvals': { path: `${api}/approvals` },
  'registry GET /api/v1/approvals/:id': { path: `${api}/approvals/{approval}` },
  'registry GET /api/v1/audit': { path: `${api}/audit` },
  'registry POST /api/v1/audit/verify': {
    path: `${api}/audit/verify`,
    body: {},
    ownerSeesNoMark: figures,
    stranger: { gets: 'own', because: 'a chain without entries is intact' },
  },
  'registry GET mlflow experiments/get': { path: `${mlflow}/experiments/get?experiment_id={experiment}` },
  'registry GET mlflow experiments/get-by-name': { path: `${mlflow}/experiments/get-by-name?experiment_name={experimentName}` },
  'registry GET mlflow experiments/search': {
    path: `${mlflow}/experiments/search?max_results=50`,
    stranger: { gets: 'own', because: 'each workspace has an experiment called Default' },
  },
  'registry POST mlflow experiments/search': {
    path: `${mlflow}/experiments/search`,
    body: { max_results: 50 },
    stranger: { gets: 'own', because: 'each workspace has an experiment called Default' },
  },
  'registry GET mlflow metrics/get-history': {
    path: `${mlflow}/metrics/get-history?run_id={run}&metric_key=train_loss`,
    stranger: FILTER,
    ownerSeesNoMark: figures,
  },
  'registry GET mlflow metrics/get-history-bulk-interval': {
    path: `${mlflow}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=train_loss`,
    stranger: FILTER,
  },
  'registry GET mlflow model-versions/get': { path: `${mlflow}/model-versions/get?name={model}&version=1` },
  'registry GET mlflow model-versions/get-download-uri': {
    path: `${mlflow}/model-versions/get-download-uri?name={model}&version=1`,
    ownerSeesNoMark: 'answers an address by digest',
  },
  'registry GET mlflow model-versions/search': { path: `${mlflow}/model-versions/search` },
  'registry GET mlflow registered-models/get': { path: `${mlflow}/registered-models/get?name={model}` },
  'registry GET mlflow registered-models/search': { path: `${mlflow}/registered-models/search` },
  'registry GET mlflow registered-models/get-latest-versions': {
    path: `${mlflow}/registered-models/get-latest-versions?name={model}`,
  },
  'registry POST mlflow registered-models/get-latest-versions': {
    path: `${mlflow}/registered-models/get-latest-versions`,
    body: { name: '{model}' },
  },
  'registry GET mlflow registered-models/alias': { path: `${mlflow}/registered-models/alias?name={model}&alias=champion` },
  'registry GET mlflow runs/get': { path: `${mlflow}/runs/get?run_id={run}` },
  'registry POST mlflow runs/search': {
    path: `${mlflow}/runs/search`,
    body: { experiment_ids: ['{experiment}'] },
    stranger: FILTER,
  },
  'registry GET /api/v1/models': { path: `${api}/models` },
  'registry GET /api/v1/models/:name': { path: `${api}/models/{model}` },
  'registry GET /api/v1/models/:name/versions': { path: `${api}/models/{model}/versions` },
  'registry GET /api/v1/models/:name/versions/:version': { path: `${api}/models/{model}/versions/1` },
  'registry GET /': { path: '/', stranger: PAGE },
  'registry GET /ui': { path: '/ui', stranger: PAGE },
  'training GET /api/v1/evaluation-jobs': { path: `${api}/evaluation-jobs` },
  'training GET /api/v1/evaluation-jobs/:id': { path: `${api}/evaluation-jobs/{evaluation}` },
  'training GET /api/v1/evaluation-jobs/:id/events': {
    path: `${api}/evaluation-jobs/{evaluation}/events`,
  },
  'training GET /api/v1/evaluation-jobs/:id/comparison': {
    path: `${api}/evaluation-jobs/{evaluation}/comparison?control={otherEvaluation}`,
    ownerSeesNoMark: figures,
  },
  'training GET /api/v1/jobs': { path: `${api}/jobs` },
  'training GET /api/v1/jobs/:id': { path: `${api}/jobs/{job}` },
  'training GET /api/v1/jobs/:id/events': { path: `${api}/jobs/{job}/events` },
  'training GET /api/v1/jobs/:id/checkpoints': {
    path: `${api}/jobs/{job}/checkpoints`,
    ownerSeesNothing: 'a job of this size keeps no checkpoint',
  },
  'training GET /api/v1/pipelines': { path: `${api}/pipelines` },
  'training GET /api/v1/pipelines/:pipeline': { path: `${api}/pipelines/{pipeline}` },
  'training GET /api/v1/pipeline-runs': { path: `${api}/pipeline-runs` },
  'training GET /api/v1/pipeline-runs/:id': { path: `${api}/pipeline-runs/{pipelineRun}` },
};

/** Routes that show everybody the same, with the reason. */
export const sharedHttpDoors: Record<string, string> = {
  ...Object.fromEntries(
    processNames.flatMap((name) =>
      Object.entries(systemRoutes).map(([route, reason]) => [`${name} GET ${route}`, reason] as const),
    ),
  ),
  'registry GET /health': 'the MLflow client asks whether the server lives',
  'training GET /api/v1/base-models': 'base models come with the installation and belong to nobody',
  'runtime GET /v1/models': 'the workspace is in the id of a model: services/runtime/test/models.e2e-spec.ts keeps them apart',
  'runtime GET /v1/models/:id': 'as above',
  'runtime GET /api/v1/models': 'as above',
  'runtime POST /v1/chat/completions': 'as above',
  'runtime POST /v1/completions': 'as above',
};
