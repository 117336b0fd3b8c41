// SPDX-License-Identifier: Apache-2.0
import type { PipelineRecord } from '../pipelines/pipeline';
import type { PipelineRunRecord } from './pipeline-run';

/** A pipeline as HTTP shows it. */
export function viewPipeline(pipeline: PipelineRecord) {
  const { id, name, spec, version, createTime, updateTime } = pipeline;
  return { id, name, spec, etag: String(version), createTime, updateTime };
}

/** A run as HTTP shows it; fields that are not known yet are empty. */
export function viewRun(run: PipelineRunRecord) {
  const { work, facts } = run;
  return {
    id: run.id,
    pipelineId: run.pipelineId,
    pipelineName: run.pipelineName,
    state: run.state,
    reason: run.reason,
    spec: run.spec,
    overrides: run.overrides,
    proposalId: run.proposalId,
    startedBy: run.startedBy,
    feedbackDatasetVersionId: work.feedbackVersionId ?? '',
    feedbackRows: work.feedbackRows ?? 0,
    jobId: work.jobId ?? '',
    modelManifestDigest: work.modelDigest ?? '',
    modelVersion: facts.modelVersion ?? 0,
    evaluationJobId: work.evaluationJobId ?? '',
    championVersion: work.championVersion ?? 0,
    championEvaluationJobId: work.championEvaluationJobId ?? '',
    gate: work.gate ?? [],
    comparisons: work.comparisons ?? [],
    approvalId: work.approvalId ?? '',
    force: facts.force ?? null,
    lastError: run.lastError,
    etag: String(run.version),
    createTime: run.createTime,
    endTime: run.endTime,
    updateTime: run.updateTime,
  };
}
