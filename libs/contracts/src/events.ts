// SPDX-License-Identifier: Apache-2.0
import * as dataprep from './dataprep';
import * as gateway from './gateway';
import * as ingestion from './ingestion';
import * as monitoring from './monitoring';
import * as registry from './registry';
import { Topics } from './topics';
import * as training from './training';

/** An event type: its CloudEvents type, its topic and its proto3 JSON codec. */
export interface EventDefinition<T> {
  /** CloudEvents `type`, such as `millrace.registry.alias-moved.v1`. */
  readonly type: string;
  /** Name of the topic that carries it. */
  readonly topic: string;
  /** Message to proto3 JSON. */
  toJSON(message: T): unknown;
  /** proto3 JSON to message; unknown fields are ignored, missing ones get proto3 defaults. */
  fromJSON(json: unknown): T;
}

interface JsonCodec<T> {
  toJSON(message: T): unknown;
  fromJSON(json: unknown): T;
}

function event<T>(type: string, topic: { readonly name: string }, codec: JsonCodec<T>): EventDefinition<T> {
  return Object.freeze({
    type,
    topic: topic.name,
    toJSON: (m: T) => codec.toJSON(m),
    fromJSON: (j: unknown) => codec.fromJSON(j),
  });
}

/** The event registry: every event type that Millrace writes. A type is never renamed; a new meaning is a new version. */
export const Events = {
  DatasetVersionCommitted: event(
    'millrace.ingestion.dataset-version-committed.v1',
    Topics.ingestionDatasetVersion,
    ingestion.DatasetVersionCommitted,
  ),
  DatasetVersionTagged: event(
    'millrace.ingestion.dataset-version-tagged.v1',
    Topics.ingestionDatasetVersion,
    ingestion.DatasetVersionTagged,
  ),
  DatasetVersionDeleted: event(
    'millrace.ingestion.dataset-version-deleted.v1',
    Topics.ingestionDatasetVersion,
    ingestion.DatasetVersionDeleted,
  ),
  ProfileCompleted: event('millrace.dataprep.profile-completed.v1', Topics.dataPrepProfile, dataprep.ProfileCompleted),
  ProfileFailed: event('millrace.dataprep.profile-failed.v1', Topics.dataPrepProfile, dataprep.ProfileFailed),
  RecipeRunSucceeded: event('millrace.dataprep.recipe-run-succeeded.v1', Topics.dataPrepRecipeRun, dataprep.RecipeRunSucceeded),
  RecipeRunFailed: event('millrace.dataprep.recipe-run-failed.v1', Topics.dataPrepRecipeRun, dataprep.RecipeRunFailed),
  JobQueued: event('millrace.training.job-queued.v1', Topics.trainingJob, training.JobQueued),
  JobStarted: event('millrace.training.job-started.v1', Topics.trainingJob, training.JobStarted),
  JobProgressed: event('millrace.training.job-progressed.v1', Topics.trainingJob, training.JobProgressed),
  JobCheckpointed: event('millrace.training.job-checkpointed.v1', Topics.trainingJob, training.JobCheckpointed),
  JobSucceeded: event('millrace.training.job-succeeded.v1', Topics.trainingJob, training.JobSucceeded),
  JobFailed: event('millrace.training.job-failed.v1', Topics.trainingJob, training.JobFailed),
  JobCancelled: event('millrace.training.job-cancelled.v1', Topics.trainingJob, training.JobCancelled),
  EvaluationSucceeded: event(
    'millrace.training.evaluation-succeeded.v1',
    Topics.trainingEvaluationJob,
    training.EvaluationSucceeded,
  ),
  EvaluationFailed: event('millrace.training.evaluation-failed.v1', Topics.trainingEvaluationJob, training.EvaluationFailed),
  PipelineRunStateChanged: event(
    'millrace.training.pipeline-run-state-changed.v1',
    Topics.trainingPipelineRun,
    training.PipelineRunStateChanged,
  ),
  WorkspaceCreated: event('millrace.registry.workspace-created.v1', Topics.registryWorkspace, registry.WorkspaceCreated),
  ModelVersionRegistered: event(
    'millrace.registry.model-version-registered.v1',
    Topics.registryModelVersion,
    registry.ModelVersionRegistered,
  ),
  AliasMoved: event('millrace.registry.alias-moved.v1', Topics.registryAlias, registry.AliasMoved),
  AliasDeleted: event('millrace.registry.alias-deleted.v1', Topics.registryAlias, registry.AliasDeleted),
  ApprovalRequested: event('millrace.registry.approval-requested.v1', Topics.registryApproval, registry.ApprovalRequested),
  ApprovalDecided: event('millrace.registry.approval-decided.v1', Topics.registryApproval, registry.ApprovalDecided),
  InferenceCompleted: event('millrace.gateway.inference-completed.v1', Topics.gatewayInference, gateway.InferenceCompleted),
  RolloutStarted: event('millrace.gateway.rollout-started.v1', Topics.gatewayRollout, gateway.RolloutStarted),
  RolloutStepped: event('millrace.gateway.rollout-stepped.v1', Topics.gatewayRollout, gateway.RolloutStepped),
  RolloutFinished: event('millrace.gateway.rollout-finished.v1', Topics.gatewayRollout, gateway.RolloutFinished),
  FeedbackAccepted: event('millrace.monitoring.feedback-accepted.v1', Topics.monitoringFeedback, monitoring.FeedbackAccepted),
  FeedbackRetracted: event('millrace.monitoring.feedback-retracted.v1', Topics.monitoringFeedback, monitoring.FeedbackRetracted),
  AlertFired: event('millrace.monitoring.alert-fired.v1', Topics.monitoringAlert, monitoring.AlertFired),
  AlertResolved: event('millrace.monitoring.alert-resolved.v1', Topics.monitoringAlert, monitoring.AlertResolved),
  VerdictReached: event('millrace.monitoring.verdict-reached.v1', Topics.monitoringVerdict, monitoring.VerdictReached),
  RetrainingProposed: event(
    'millrace.monitoring.retraining-proposed.v1',
    Topics.monitoringProposal,
    monitoring.RetrainingProposed,
  ),
  ProposalResolved: event('millrace.monitoring.proposal-resolved.v1', Topics.monitoringProposal, monitoring.ProposalResolved),
} as const;

/** All event definitions. */
export function listEvents(): EventDefinition<unknown>[] {
  return Object.values(Events);
}

/** The definition of a CloudEvents type, or undefined. */
export function findEvent(type: string): EventDefinition<unknown> | undefined {
  return listEvents().find((candidate) => candidate.type === type);
}
