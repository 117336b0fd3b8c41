// SPDX-License-Identifier: Apache-2.0

/** What a stranger sends to each reading RPC, by service and method; `{name}` is an id or name of the other workspace. */
export interface GrpcCase {
  request: Record<string, unknown>;
  /** Set where the owner's own answer holds none of the marks, with the reason. */
  ownerSeesNoMark?: string;
}

const page = { pageSize: 50 };

export const grpcCases: Record<string, GrpcCase> = {
  'ProfileService/GetProfile': { request: { id: '{profile}' } },
  'ProfileService/ListProfiles': { request: { ...page, datasetName: '{rawDataset}' } },
  'RecipeService/GetRecipe': { request: { name: '{recipe}' } },
  'RecipeService/ListRecipes': { request: page },
  'RecipeService/PreviewRecipe': {
    request: { recipeName: '{recipe}', inputVersion: '{version}', rowsMax: 20 },
    ownerSeesNoMark: 'answers rows and counts, no ids',
  },
  'RecipeService/GetRecipeRun': { request: { id: '{recipeRun}' } },
  'RecipeService/ListRecipeRuns': { request: page },
  'RecipeService/ListLedgerEntries': {
    request: { runId: '{recipeRun}', ...page },
    ownerSeesNoMark: 'answers rows and reasons, no ids',
  },
  'EndpointService/GetEndpoint': { request: { name: '{endpoint}' } },
  'EndpointService/ListEndpoints': { request: page },
  'EndpointService/ListDeployments': { request: { modelName: '{model}', ...page } },
  'RolloutService/GetRollout': { request: { id: '{rollout}' } },
  'RolloutService/ListRollouts': { request: { endpoint: '{endpoint}', ...page } },
  'ApiKeyService/ListApiKeys': { request: page },
  'DatasetService/GetDataset': { request: { dataset: '{rawDataset}' } },
  'DatasetService/ListDatasets': { request: page },
  'DatasetService/GetDatasetVersion': { request: { version: '{version}' } },
  'DatasetService/ListDatasetVersions': { request: { dataset: '{rawDataset}', ...page } },
  'DatasetService/ListRows': { request: { versionId: '{version}', ...page }, ownerSeesNoMark: 'answers rows, no ids' },
  'DatasetService/ExportDatasetVersion': { request: { versionId: '{version}' }, ownerSeesNoMark: 'answers rows, no ids' },
  'DatasetService/ListQuarantinedRows': {
    request: { versionId: '{version}', ...page },
    ownerSeesNoMark: 'answers rows and reasons, no ids',
  },
  'DatasetService/ListUploads': { request: page },
  'FeedbackService/GetFeedback': { request: { id: '{feedback}' } },
  'FeedbackService/ListFeedback': { request: { modelName: '{model}', ...page } },
  'FeedbackService/GetRater': { request: { raterHash: '{rater}' } },
  'FeedbackService/ListRaters': { request: page },
  'MonitorService/GetMonitor': { request: { monitor: '{monitor}' } },
  'MonitorService/ListMonitors': { request: page },
  'MonitorService/GetAlert': { request: { id: '{alert}' } },
  'MonitorService/ListAlerts': { request: { modelName: '{model}', ...page } },
  'VerdictService/GetVerdict': { request: { id: '{verdict}' } },
  'VerdictService/ListVerdicts': { request: page },
  'VerdictService/RecomputeVerdict': { request: { id: '{verdict}' } },
  'ProposalService/GetProposal': { request: { id: '{proposal}' } },
  'ProposalService/ListProposals': { request: { modelName: '{model}', ...page } },
  'ExperimentService/GetExperiment': { request: { experimentId: '{experiment}' } },
  'ExperimentService/ListExperiments': { request: page },
  'ExperimentService/GetRun': { request: { runId: '{run}' } },
  'ExperimentService/SearchRuns': { request: { experimentIds: ['{experiment}'], ...page } },
  'ExperimentService/ListMetricHistory': {
    request: { runId: '{run}', key: 'train_loss', ...page },
    ownerSeesNoMark: 'answers numbers, no ids',
  },
  'ModelService/GetRegisteredModel': { request: { name: '{model}' } },
  'ModelService/ListRegisteredModels': { request: page },
  'ModelService/GetModelVersion': { request: { modelName: '{model}', version: 1 } },
  'ModelService/ResolveAlias': { request: { modelName: '{model}', alias: 'champion' } },
  'ModelService/ListModelVersions': { request: { modelName: '{model}', ...page } },
  'ModelService/GetApproval': { request: { approvalId: '{approval}' } },
  'ModelService/ListApprovals': { request: { modelName: '{model}', ...page } },
  'ModelService/ListAuditEntries': { request: page },
  'ModelService/VerifyAudit': { request: {}, ownerSeesNoMark: 'answers counts, no ids' },
  'JobService/GetJob': { request: { jobId: '{job}' } },
  'JobService/ListJobs': { request: page },
  'JobService/ListJobEvents': { request: { jobId: '{job}', ...page }, ownerSeesNoMark: 'answers events by number, no ids' },
  'JobService/ListCheckpoints': { request: { jobId: '{job}', ...page }, ownerSeesNoMark: 'answers steps and digests, no ids' },
  'JobService/WatchJob': { request: { jobId: '{job}' }, ownerSeesNoMark: 'answers events by number, no ids' },
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

export const READING = /\/(Get|List|Search|Export|Watch|Resolve(?!Proposal)|Verify|Compare|Recompute|Preview)/;
