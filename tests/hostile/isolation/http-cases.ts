// SPDX-License-Identifier: Apache-2.0

/** What a stranger asks each reading route, by 'service METHOD route'; `{name}` is an id or name of the other workspace. */
export interface HttpCase {
  /** The route with its parameters filled, and a query. */
  path: string;
  body?: unknown;
  /** Set where the owner's own answer holds none of the marks, with the reason. */
  ownerSeesNoMark?: string;
}

const api = '/api/v1';
const mlflow = '/api/2.0/mlflow';
const rows = 'answers rows, numbers or counts, no ids';

export const httpCases: Record<string, HttpCase> = {
  'data-prep GET /api/v1/profiles': { path: `${api}/profiles` },
  'data-prep GET /api/v1/profiles/:id': { path: `${api}/profiles/{profile}` },
  'data-prep GET /api/v1/profiles/:id/report.html': { path: `${api}/profiles/{profile}/report.html` },
  'data-prep GET /api/v1/recipes': { path: `${api}/recipes` },
  'data-prep GET /api/v1/recipes/:name': { path: `${api}/recipes/{recipe}` },
  'data-prep POST /api/v1/recipe-previews': {
    path: `${api}/recipe-previews`,
    body: { recipeName: '{recipe}', inputVersion: '{version}', rowsMax: 20 },
    ownerSeesNoMark: rows,
  },
  'data-prep GET /api/v1/recipe-runs': { path: `${api}/recipe-runs` },
  'data-prep GET /api/v1/recipe-runs/:id': { path: `${api}/recipe-runs/{recipeRun}` },
  'data-prep GET /api/v1/recipe-runs/:id/ledger': { path: `${api}/recipe-runs/{recipeRun}/ledger`, ownerSeesNoMark: rows },
  'gateway GET /api/v1/api-keys': { path: `${api}/api-keys` },
  'gateway GET /api/v1/deployments': { path: `${api}/deployments` },
  'gateway GET /api/v1/endpoints': { path: `${api}/endpoints` },
  'gateway GET /api/v1/endpoints/:name': { path: `${api}/endpoints/{endpoint}` },
  'gateway GET /api/v1/inference-events/dropped': {
    path: `${api}/inference-events/dropped`,
    ownerSeesNoMark: 'nothing was dropped',
  },
  'gateway GET /api/v1/rollouts': { path: `${api}/rollouts` },
  'gateway GET /api/v1/rollouts/:id': { path: `${api}/rollouts/{rollout}` },
  'ingestion GET /api/v1/datasets': { path: `${api}/datasets` },
  'ingestion GET /api/v1/datasets/:dataset': { path: `${api}/datasets/{rawDataset}` },
  'ingestion GET /api/v1/datasets/:dataset/versions': { path: `${api}/datasets/{rawDataset}/versions` },
  'ingestion GET /api/v1/dataset-versions/:version': { path: `${api}/dataset-versions/{version}` },
  'ingestion GET /api/v1/dataset-versions/:version/rows': {
    path: `${api}/dataset-versions/{version}/rows`,
    ownerSeesNoMark: rows,
  },
  'ingestion GET /api/v1/dataset-versions/:version/quarantine': {
    path: `${api}/dataset-versions/{version}/quarantine`,
    ownerSeesNoMark: rows,
  },
  'ingestion GET /api/v1/dataset-versions/:version/export': {
    path: `${api}/dataset-versions/{version}/export`,
    ownerSeesNoMark: rows,
  },
  'ingestion GET /api/v1/uploads': { path: `${api}/uploads` },
  'monitoring GET /api/v1/alerts': { path: `${api}/alerts` },
  'monitoring GET /api/v1/alerts/:id': { path: `${api}/alerts/{alert}` },
  'monitoring GET /api/v1/feedback': { path: `${api}/feedback` },
  'monitoring GET /api/v1/feedback/:id': { path: `${api}/feedback/{feedback}` },
  'monitoring GET /api/v1/feedback-summary': { path: `${api}/feedback-summary`, ownerSeesNoMark: rows },
  'monitoring GET /api/v1/metrics': { path: `${api}/metrics`, ownerSeesNoMark: rows },
  'monitoring GET /api/v1/inferences': { path: `${api}/inferences` },
  'monitoring GET /api/v1/inferences/:id': { path: `${api}/inferences/{inference}` },
  'monitoring GET /api/v1/rollups': { path: `${api}/rollups?endpoint={endpoint}` },
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
    ownerSeesNoMark: rows,
  },
  'monitoring GET /api/v1/webhooks': { path: `${api}/webhooks` },
  'monitoring GET /api/v1/webhook-deliveries': { path: `${api}/webhook-deliveries` },
  'registry GET /api/v1/models/:name/aliases/:alias': { path: `${api}/models/{model}/aliases/champion` },
  'registry GET /api/v1/models/:name/aliases/:alias/history': { path: `${api}/models/{model}/aliases/champion/history` },
  'registry GET /api/v1/models/:name/alias-policies': { path: `${api}/models/{model}/alias-policies`, ownerSeesNoMark: rows },
  'registry GET /api/v1/approvals': { path: `${api}/approvals` },
  'registry GET /api/v1/approvals/:id': { path: `${api}/approvals/{approval}` },
  'registry GET /api/v1/audit': { path: `${api}/audit` },
  'registry POST /api/v1/audit/verify': { path: `${api}/audit/verify`, body: {}, ownerSeesNoMark: rows },
  'registry GET mlflow experiments/get': { path: `${mlflow}/experiments/get?experiment_id={experiment}` },
  'registry GET mlflow experiments/get-by-name': { path: `${mlflow}/experiments/get-by-name?experiment_name={experimentName}` },
  'registry GET mlflow experiments/search': { path: `${mlflow}/experiments/search?max_results=50` },
  'registry POST mlflow experiments/search': { path: `${mlflow}/experiments/search`, body: { max_results: 50 } },
  'registry GET mlflow metrics/get-history': {
    path: `${mlflow}/metrics/get-history?run_id={run}&metric_key=train_loss`,
    ownerSeesNoMark: rows,
  },
  'registry GET mlflow metrics/get-history-bulk-interval': {
    path: `${mlflow}/metrics/get-history-bulk-interval?run_ids={run}&metric_key=train_loss`,
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
  'registry POST mlflow runs/search': { path: `${mlflow}/runs/search`, body: { experiment_ids: ['{experiment}'] } },
  'registry GET /api/v1/models': { path: `${api}/models` },
  'registry GET /api/v1/models/:name': { path: `${api}/models/{model}` },
  'registry GET /api/v1/models/:name/versions': { path: `${api}/models/{model}/versions` },
  'registry GET /api/v1/models/:name/versions/:version': { path: `${api}/models/{model}/versions/1` },
  'registry GET /': { path: '/' },
  'registry GET /ui': { path: '/ui' },
  'training GET /api/v1/evaluation-jobs': { path: `${api}/evaluation-jobs` },
  'training GET /api/v1/evaluation-jobs/:id': { path: `${api}/evaluation-jobs/{evaluation}` },
  'training GET /api/v1/evaluation-jobs/:id/events': {
    path: `${api}/evaluation-jobs/{evaluation}/events`,
    ownerSeesNoMark: rows,
  },
  'training GET /api/v1/evaluation-jobs/:id/comparison': {
    path: `${api}/evaluation-jobs/{evaluation}/comparison?control={otherEvaluation}`,
    ownerSeesNoMark: rows,
  },
  'training GET /api/v1/jobs': { path: `${api}/jobs` },
  'training GET /api/v1/jobs/:id': { path: `${api}/jobs/{job}` },
  'training GET /api/v1/jobs/:id/events': { path: `${api}/jobs/{job}/events`, ownerSeesNoMark: rows },
  'training GET /api/v1/jobs/:id/checkpoints': { path: `${api}/jobs/{job}/checkpoints`, ownerSeesNoMark: rows },
  'training GET /api/v1/pipelines': { path: `${api}/pipelines` },
  'training GET /api/v1/pipelines/:pipeline': { path: `${api}/pipelines/{pipeline}` },
  'training GET /api/v1/pipeline-runs': { path: `${api}/pipeline-runs` },
  'training GET /api/v1/pipeline-runs/:id': { path: `${api}/pipeline-runs/{pipelineRun}` },
};

/** Routes that show everybody the same, with the reason. */
export const sharedHttpDoors: Record<string, string> = {
  'registry GET /health': 'the MLflow client asks whether the server lives',
  'registry GET /version': 'the version of the protocol',
  'training GET /api/v1/base-models': 'base models come with the installation and belong to nobody',
  'gateway GET /v1/models':
    'the endpoints of the key’s own workspace; tested with API keys in services/gateway/test/isolation.e2e-spec.ts',
  'gateway GET /v1/models/*': 'as above',
  'runtime GET /v1/models': 'the runtime serves digests to gateways and knows no workspace',
  'runtime GET /v1/models/:id': 'as above',
  'runtime GET /api/v1/models': 'as above',
};

/** POST routes that only read. */
export const READING_POSTS = /(search|get-latest-versions|recipe-previews|verify|recompute)$/;
