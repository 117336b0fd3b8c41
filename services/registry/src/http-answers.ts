// SPDX-License-Identifier: Apache-2.0
import { type JsonSchema, protoSchema, schema } from '#libs/http';

const { boolean, entity, integer, list, number, object, optional, page, text, textMap, time } = schema;

const named = (message: string) => entity(message, protoSchema(`millrace.registry.v1.${message}`));
export const MODEL = named('RegisteredModel');
export const MODELS = page(MODEL);
export const VERSION = named('ModelVersion');
export const VERSIONS = page(VERSION);
export const APPROVAL = named('Approval');
export const APPROVALS = page(APPROVAL);
export const ALIAS_MOVE = object({ moved: boolean, approval: optional(APPROVAL) });

export const ALIAS_POLICY = entity(
  'AliasPolicy',
  object({
    alias: text,
    approvalsRequired: integer,
    evidence: list(object({ slice: text, metric: text, valueMin: number, dropMax: number })),
  }),
);
export const ALIAS_POLICIES = page(ALIAS_POLICY);
export const ALIAS_HISTORY = page(
  entity(
    'AliasInterval',
    object({
      version: integer,
      validFrom: time,
      validTo: optional(time),
      actor: text,
      reason: text,
      approvalId: text,
      forced: boolean,
      rolloutId: text,
    }),
  ),
);
export const AUDIT = page(
  entity(
    'AuditEntry',
    object({
      sequence: integer,
      time,
      actor: text,
      action: text,
      subject: text,
      beforeJson: text,
      afterJson: text,
      reason: text,
      previousHash: text,
      hash: text,
    }),
  ),
);
export const AUDIT_VERDICT = object({ intact: boolean, entries: integer, brokenSequence: integer });
export const WORKSPACE = object({ name: text, created: boolean });

const TAGS = optional(list(object({ key: text, value: text })));
const EXPERIMENT = entity(
  'MlflowExperiment',
  object({
    experiment_id: text,
    name: text,
    artifact_location: text,
    lifecycle_stage: text,
    last_update_time: integer,
    creation_time: integer,
    tags: TAGS,
    workspace: text,
  }),
);
const RUN_INFO = entity(
  'MlflowRunInfo',
  object({
    run_uuid: text,
    experiment_id: text,
    run_name: text,
    user_id: text,
    status: text,
    start_time: integer,
    end_time: optional(integer),
    artifact_uri: text,
    lifecycle_stage: text,
    run_id: text,
  }),
);
const METRIC = entity(
  'MlflowMetric',
  object({ key: text, value: { type: ['number', 'string'] }, timestamp: integer, step: integer, run_id: optional(text) }),
);
const RUN = entity(
  'MlflowRun',
  object({
    info: RUN_INFO,
    data: object({ metrics: optional(list(METRIC)), params: optional(list(textMap)), tags: TAGS }),
    inputs: optional(object({})),
    outputs: optional(object({})),
  }),
);
const MLFLOW_VERSION = entity(
  'MlflowModelVersion',
  object({
    name: text,
    version: text,
    creation_timestamp: integer,
    last_updated_timestamp: integer,
    current_stage: text,
    description: text,
    source: text,
    run_id: text,
    status: text,
    tags: TAGS,
    run_link: text,
    aliases: optional(list(text)),
  }),
);
const MLFLOW_MODEL = entity(
  'MlflowRegisteredModel',
  object({
    name: text,
    creation_timestamp: integer,
    last_updated_timestamp: integer,
    description: optional(text),
    latest_versions: optional(list(MLFLOW_VERSION)),
    tags: TAGS,
    aliases: optional(list(object({ alias: text, version: text }))),
  }),
);
const listOf = (field: string, item: JsonSchema) => object({ [field]: optional(list(item)), next_page_token: optional(text) });

/** Answers of the MLflow doors. Empty lists and unset fields are left out, as MLflow does. */
export const MLFLOW = {
  nothing: object({}),
  experimentId: object({ experiment_id: text }),
  experiment: object({ experiment: EXPERIMENT }),
  experiments: listOf('experiments', EXPERIMENT),
  run: object({ run: RUN }),
  runInfo: object({ run_info: RUN_INFO }),
  runs: listOf('runs', RUN),
  metrics: listOf('metrics', METRIC),
  version: object({ model_version: MLFLOW_VERSION }),
  versions: listOf('model_versions', MLFLOW_VERSION),
  artifactUri: object({ artifact_uri: text }),
  model: object({ registered_model: MLFLOW_MODEL }),
  models: listOf('registered_models', MLFLOW_MODEL),
};
