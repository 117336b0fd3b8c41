// SPDX-License-Identifier: Apache-2.0
import { type JsonSchema, schema } from '#libs/http';
import { jobStates } from './jobs/job';
import { runStates } from './pipeline-runs/pipeline-run';

const { anyObject, anything, closedObject, entity, extended, integer, list, nullable, number, object, oneOf, optional, page } =
  schema;
const { text, time } = schema;

const COMMON = {
  id: text,
  state: oneOf(...jobStates),
  inputs: list(object({ datasetVersionId: text, contentDigest: text, role: text, weight: number, rows: integer })),
  progress: anything,
  cancel: anything,
  error: anything,
  pipelineRunId: text,
  submittedBy: text,
  etag: text,
  createTime: time,
  startTime: nullable(time),
  endTime: nullable(time),
  updateTime: time,
};
export const JOB = entity(
  'Job',
  object({
    ...COMMON,
    spec: anyObject,
    baseModelName: text,
    baseModelDigest: text,
    modelManifestDigest: text,
    metrics: anything,
    steps: integer,
    tokens: integer,
    durationSeconds: number,
    codeVersion: text,
    lossCurveDigest: text,
  }),
);
export const JOBS = page(JOB);
const ATTEMPT = entity(
  'Attempt',
  object({
    number: integer,
    state: text,
    executor: text,
    resumedFromStep: integer,
    error: anything,
    startTime: time,
    endTime: nullable(time),
  }),
);
export const JOB_DETAIL = extended(JOB, { attempts: list(ATTEMPT), queuePosition: integer });
export const JOB_EVENTS = page(entity('JobEvent', object({ type: text, message: text })));
export const CHECKPOINTS = page(entity('Checkpoint', object({ step: integer })));

export const EVALUATION_JOB = entity(
  'EvaluationJob',
  object({
    ...COMMON,
    spec: anyObject,
    slices: list(anyObject),
    answersDigest: text,
    scorerVersion: text,
    durationSeconds: number,
  }),
);
export const EVALUATION_JOBS = page(EVALUATION_JOB);
export const EVALUATION_JOB_DETAIL = extended(EVALUATION_JOB, { attempts: list(ATTEMPT) });
export const COMPARISON = object({ items: list(object({ slice: text })) });
export const BASE_MODELS = page(entity('BaseModel', object({ name: text, manifestDigest: text, description: text })));

export const PIPELINE = entity(
  'Pipeline',
  object({ id: text, name: text, spec: anyObject, etag: text, createTime: time, updateTime: time }),
);
export const PIPELINES = page(PIPELINE);
export const PIPELINE_RUN = entity(
  'PipelineRun',
  object({
    id: text,
    pipelineId: text,
    pipelineName: text,
    state: oneOf(...runStates),
    reason: text,
    spec: anyObject,
    proposalId: text,
    startedBy: text,
    feedbackDatasetVersionId: text,
    feedbackRows: integer,
    jobId: text,
    modelManifestDigest: text,
    modelVersion: integer,
    evaluationJobId: text,
    championVersion: integer,
    championEvaluationJobId: text,
    gate: list(anyObject),
    comparisons: list(anyObject),
    approvalId: text,
    etag: text,
    createTime: time,
    endTime: nullable(time),
    updateTime: time,
  }),
);
export const PIPELINE_RUNS = page(PIPELINE_RUN);

// Bodies are read field by field (spec-fields.ts), which names every fault at once.
const given = (inner: JsonSchema) => optional(nullable(inner));
const limited = (maxLength: number): JsonSchema => ({ type: 'string', maxLength });
const REFERENCE: JsonSchema = { type: 'string', pattern: '^[^\\s/]{1,200}(/(latest|[1-9][0-9]{0,8}))?$' };
const INPUT = object({
  datasetVersion: REFERENCE,
  role: given(limited(200)),
  weight: given({ type: 'number', minimum: 0, maximum: 1 }),
  promptTemplate: given(limited(10_000)),
  answerTemplate: given(limited(10_000)),
});
const SLICE = object({ name: { type: 'string', minLength: 1, maxLength: 200 }, datasetVersion: REFERENCE });
const TEMPLATES = { promptTemplate: given(limited(10_000)), answerTemplate: given(limited(10_000)) };
const requestId = optional(text);

export const JOB_BODY = object({
  displayName: given(limited(200)),
  registeredModelName: given(limited(200)),
  experimentName: given(limited(200)),
  trainer: given(text),
  baseModel: text,
  inputs: { ...list(INPUT), maxItems: 100 },
  ...TEMPLATES,
  labels: given(list(text)),
  hyperparameters: given(anyObject),
  priority: given(integer),
  recipeRunId: given(text),
  requestId,
});
export const EVALUATION_BODY = object({
  displayName: given(limited(200)),
  modelManifestDigest: text,
  registeredModelName: given(limited(200)),
  slices: { ...list(SLICE), minItems: 1, maxItems: 100 },
  ...TEMPLATES,
  baselineTraining: given(list(INPUT)),
  seed: given(integer),
  priority: given(integer),
  requestId,
});
const PIPELINE_SPEC = closedObject({
  registeredModelName: { type: 'string', minLength: 1, maxLength: 200 },
  experimentName: given(limited(200)),
  alias: given(limited(200)),
  baseModel: { type: 'string', minLength: 1, maxLength: 200 },
  trainDatasets: { ...list(INPUT), minItems: 1, maxItems: 100 },
  feedback: given(anyObject),
  ...TEMPLATES,
  labels: given(list(text)),
  hyperparameters: given(anyObject),
  evaluationSlices: { ...list(SLICE), minItems: 1, maxItems: 100 },
  gate: given(list(anyObject)),
  requestAlias: given({ type: 'boolean' }),
  onProposal: given(oneOf('auto', 'manual', 'ignore')),
});
export const PIPELINE_BODY = closedObject({ name: text, spec: PIPELINE_SPEC, requestId });
export const REPLACE_BODY = closedObject({ spec: PIPELINE_SPEC, etag: optional(text), requestId });
export const START_BODY = closedObject({
  useFeedback: given({ type: 'boolean' }),
  trainDatasetVersionIds: given(list(text)),
  trainPromptTemplate: given(text),
  hyperparameters: given(anyObject),
  proposalId: given(text),
  reason: given(text),
  requestId,
});
