// SPDX-License-Identifier: Apache-2.0

import type { Expected } from './judge';

/** What a stranger sends to each reading RPC, by service and method; `{name}` is an id or name of the other workspace. */
export interface GrpcCase extends Expected {
  request: Record<string, unknown>;
}

const page = { pageSize: 50 };
const FILTER = { gets: 'nothing', because: 'the name is a filter' } as const;

export const grpcCases: Record<string, GrpcCase> = {
  'ProfileService/GetProfile': { request: { id: '{profile}' } },
  'ProfileService/ListProfiles': { request: { ...page, datasetName: '{rawDataset}' }, stranger: FILTER },
  'RecipeService/GetRecipe': { request: { name: '{recipe}' } },
  'RecipeService/ListRecipes': { request: page },
  'RecipeService/PreviewRecipe': {
    request: { recipeName: '{recipe}', inputVersion: '{version}', rowsMax: 20 },
    ownerSeesNoMark: 'answers rows and counts, no ids',
  },
  'RecipeService/GetRecipeRun': { request: { id: '{recipeRun}' } },
  'RecipeService/ListRecipeRuns': { request: page },
  'RecipeService/ListLedgerEntries': { request: { runId: '{recipeRun}', ...page } },
  'EndpointService/GetEndpoint': { request: { name: '{endpoint}' } },
  'EndpointService/ListEndpoints': { request: page },
  'EndpointService/ListDeployments': { request: { modelName: '{model}', ...page }, stranger: FILTER },
  'RolloutService/GetRollout': { request: { id: '{rollout}' } },
  'RolloutService/ListRollouts': { request: { endpoint: '{endpoint}', ...page }, stranger: FILTER },
  'ApiKeyService/ListApiKeys': { request: page },
  'DatasetService/GetDataset': { request: { dataset: '{rawDataset}' } },
  'DatasetService/ListDatasets': { request: page },
  'DatasetService/GetDatasetVersion': { request: { version: '{version}' } },
  'DatasetService/ListDatasetVersions': { request: { dataset: '{rawDataset}', ...page } },
  'DatasetService/ListRows': { request: { versionId: '{version}', ...page } },
  'DatasetService/ExportDatasetVersion': { request: { versionId: '{version}' } },
  'DatasetService/ListQuarantinedRows': { request: { versionId: '{version}', ...page } },
  'DatasetService/ListUploads': { request: page },
  'FeedbackService/GetFeedback': { request: { id: '{feedback}' } },
  'FeedbackService/ListFeedback': { request: { modelName: '{model}', ...page }, stranger: FILTER },
  'FeedbackService/GetRater': { request: { raterHash: '{rater}' } },
  'FeedbackService/ListRaters': { request: page },
  'MonitorService/GetMonitor': { request: { monitor: '{monitor}' } },
  'MonitorService/ListMonitors': { request: page },
  'MonitorService/GetAlert': { request: { id: '{alert}' } },
  'MonitorService/ListAlerts': { request: { modelName: '{model}', ...page }, stranger: FILTER },
  'VerdictService/GetVerdict': { request: { id: '{verdict}' } },
  'VerdictService/ListVerdicts': { request: page },
  'VerdictService/RecomputeVerdict': { request: { id: '{verdict}' }, ownerSeesNoMark: 'answers figures, no ids' },
  'ProposalService/GetProposal': { request: { id: '{proposal}' } },
  'ProposalService/ListProposals': { request: { modelName: '{model}', ...page }, stranger: FILTER },
  'ExperimentService/GetExperiment': { request: { experimentId: '{experiment}' } },
  'ExperimentService/ListExperiments': {
    request: page,
    stranger: { gets: 'own', because: 'each workspace has an experiment called Default' },
  },
  'ExperimentService/GetRun': { request: { runId: '{run}' } },
  'ExperimentService/SearchRuns': { request: { experimentIds: ['{experiment}'], ...page }, stranger: FILTER },
  'ExperimentService/ListMetricHistory': {
    request: { runId: '{run}', key: 'train_loss', ...page },
    stranger: FILTER,
    ownerSeesNoMark: 'answers numbers, no ids',
  },
  'ModelService/GetRegisteredModel': { request: { name: '{model}' } },
  'ModelService/ListRegisteredModels': { request: page },
  'ModelService/GetModelVersion': { request: { modelName: '{model}', version: 1 } },
  'ModelService/ResolveAlias': { request: { modelName: '{model}', alias: 'champion' } },
  'ModelService/ListModelVersions': { request: { modelName: '{model}', ...page } },
  'ModelService/GetApproval': { request: { approvalId: '{approval}' } },
  'ModelService/ListApprovals': { request: { modelName: '{model}', ...page }, stranger: FILTER },
  'ModelService/ListAuditEntries': { request: page },
  'ModelService/VerifyAudit': {
    request: {},
    ownerSeesNoMark: 'answers counts, no ids',
    stranger: { gets: 'own', because: 'a chain without entries is intact' },
  },
  'JobService/GetJob': { request: { jobId: '{job}' } },
  'JobService/ListJobs': { request: page },
  'JobService/ListJobEvents': { request: { jobId: '{job}', ...page } },
  'JobService/ListCheckpoints': {
    request: { jobId: '{job}', ...page },
    ownerSeesNothing: 'a job of this size keeps no checkpoint',
  },
  'JobService/WatchJob': { request: { jobId: '{job}' } },
  'EvaluationJobService/GetEvaluationJob': { request: { evaluationJobId: '{evaluation}' } },
  'EvaluationJobService/ListEvaluationJobs': { request: page },
  'EvaluationJobService/CompareEvaluationJobs': {
    request: { candidateEvaluationJobId: '{evaluation}', controlEvaluationJobId: '{otherEvaluation}' },
    ownerSeesNoMark: 'answers numbers by slice, or that the two do not compare',
  },
  'PipelineService/GetPipeline': { request: { pipeline: '{pipeline}' } },
  'PipelineService/ListPipelines': { request: page },
  'PipelineService/GetPipelineRun': { request: { pipelineRunId: '{pipelineRun}' } },
  'PipelineService/ListPipelineRuns': { request: { pipeline: '{pipeline}', ...page } },
};

/** Doors that show everybody the same, with the reason. */
export const sharedGrpcDoors: Record<string, string> = {
  'JobService/ListBaseModels': 'base models come with the installation and belong to nobody',
};
