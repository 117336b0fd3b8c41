// SPDX-License-Identifier: Apache-2.0

/** How much order a topic's consumers rely on. */
export type OrderingNeed = 'per-key' | 'none';

/** One topic: the single place where its owner, key, size and readers are said. */
export interface TopicDefinition {
  /** `<service>.<aggregate>.v<major>`, or the public `feedback.v1`. */
  readonly name: string;
  /** Service that writes it; `public` = anyone. */
  readonly owner: string;
  /** What the record key is. */
  readonly key: string;
  /** Fixed for the life of the topic: raising it would break the order per key, so a change is a new major. */
  readonly partitions: number;
  readonly retentionDays: number;
  readonly ordering: OrderingNeed;
  /** Consumer groups that read it. */
  readonly consumers: readonly string[];
  /** One line for the docs. */
  readonly about: string;
}

function topic(definition: TopicDefinition): TopicDefinition {
  return Object.freeze(definition);
}

/** The topic registry. `deploy/kafka/topics.yaml` and `docs/topics.md` are generated from it. */
export const Topics = {
  feedbackInput: topic({
    name: 'feedback.v1',
    owner: 'public',
    key: 'any; best the rater id: batches that share no raters do not wait for each other',
    partitions: 6,
    retentionDays: 7,
    ordering: 'none',
    consumers: ['monitoring.feedback'],
    about: 'Public input: CloudEvents with feedback from any producer, binary or structured mode.',
  }),
  ingestionDatasetVersion: topic({
    name: 'ingestion.dataset-version.v1',
    owner: 'ingestion',
    key: 'version id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['data-prep.profiles'],
    about: 'Dataset versions committed, tagged, deleted.',
  }),
  dataPrepProfile: topic({
    name: 'data-prep.profile.v1',
    owner: 'data-prep',
    key: 'profile id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: [],
    about: 'Profiles completed or failed.',
  }),
  dataPrepRecipeRun: topic({
    name: 'data-prep.recipe-run.v1',
    owner: 'data-prep',
    key: 'recipe run id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: [],
    about: 'Recipe runs succeeded or failed, with the versions they wrote.',
  }),
  trainingJob: topic({
    name: 'training.job.v1',
    owner: 'training',
    key: 'job id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['registry.training-results'],
    about: 'Fine-tune jobs queued, started, progressed, checkpointed, succeeded, failed, cancelled.',
  }),
  trainingEvaluationJob: topic({
    name: 'training.evaluation-job.v1',
    owner: 'training',
    key: 'evaluation job id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['registry.training-results'],
    about: 'Evaluation jobs succeeded with their results, or failed.',
  }),
  trainingPipelineRun: topic({
    name: 'training.pipeline-run.v1',
    owner: 'training',
    key: 'pipeline run id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['monitoring.pipeline-runs'],
    about: 'Pipeline runs changing state.',
  }),
  registryWorkspace: topic({
    name: 'registry.workspace.v1',
    owner: 'registry',
    key: 'workspace name',
    partitions: 1,
    retentionDays: 3650,
    ordering: 'per-key',
    consumers: ['<service>.workspaces'],
    about: 'Workspaces created by an admin.',
  }),
  registryModelVersion: topic({
    name: 'registry.model-version.v1',
    owner: 'registry',
    key: 'model name',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['training.pipelines'],
    about: 'Model versions registered.',
  }),
  registryAlias: topic({
    name: 'registry.alias.v1',
    owner: 'registry',
    key: 'model name',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['gateway.aliases', 'monitoring.aliases', 'training.pipelines'],
    about: 'Aliases moved or deleted.',
  }),
  registryApproval: topic({
    name: 'registry.approval.v1',
    owner: 'registry',
    key: 'approval id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['training.pipelines'],
    about: 'Approvals requested and decided.',
  }),
  gatewayInference: topic({
    name: 'gateway.inference.v1',
    owner: 'gateway',
    key: 'inference id',
    partitions: 6,
    retentionDays: 7,
    ordering: 'none',
    consumers: ['monitoring.inferences'],
    about: 'One event per finished request.',
  }),
  gatewayRollout: topic({
    name: 'gateway.rollout.v1',
    owner: 'gateway',
    key: 'rollout id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['monitoring.rollouts', 'registry.rollouts'],
    about: 'Rollouts started, stepped, finished.',
  }),
  monitoringFeedback: topic({
    name: 'monitoring.feedback.v1',
    owner: 'monitoring',
    key: 'rater hash',
    partitions: 6,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['ingestion.feedback'],
    about: 'Feedback accepted, and accepted feedback retracted.',
  }),
  monitoringAlert: topic({
    name: 'monitoring.alert.v1',
    owner: 'monitoring',
    key: 'alert id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: [],
    about: 'Alerts fired and resolved.',
  }),
  monitoringVerdict: topic({
    name: 'monitoring.verdict.v1',
    owner: 'monitoring',
    key: 'rollout id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['gateway.verdicts'],
    about: 'Verdicts of sequential tests on rollouts.',
  }),
  monitoringProposal: topic({
    name: 'monitoring.proposal.v1',
    owner: 'monitoring',
    key: 'proposal id',
    partitions: 3,
    retentionDays: 30,
    ordering: 'per-key',
    consumers: ['training.proposals'],
    about: 'Retraining proposed; proposals resolved.',
  }),
} as const satisfies Record<string, TopicDefinition>;

/** All topics, in the order of the registry. */
export function listTopics(): TopicDefinition[] {
  return Object.values(Topics);
}

/** The topic of that name, or undefined. */
export function findTopic(name: string): TopicDefinition | undefined {
  return listTopics().find((candidate) => candidate.name === name);
}
