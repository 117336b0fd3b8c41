// SPDX-License-Identifier: Apache-2.0
import { training } from '#libs/contracts';
import type { GateOutcome } from '../pipelines/gate';
import type { PipelineRecord, PipelineSpec, PipelineSpecInput, ProposalPolicy } from '../pipelines/pipeline';
import type { PipelineRunRecord } from './pipeline-run';
import { toProtoRunState } from './run-state-publisher';

const policies: Record<ProposalPolicy, training.ProposalPolicy> = {
  auto: training.ProposalPolicy.PROPOSAL_POLICY_AUTO,
  manual: training.ProposalPolicy.PROPOSAL_POLICY_MANUAL,
  ignore: training.ProposalPolicy.PROPOSAL_POLICY_IGNORE,
};

/** A policy out of gRPC, to be checked like one out of HTTP. */
export function fromProtoSpec(spec: training.PipelineSpec | undefined): PipelineSpecInput | undefined {
  if (!spec) return undefined;
  const onProposal = (Object.keys(policies) as ProposalPolicy[]).find((name) => policies[name] === spec.onProposal) ?? 'manual';
  return { ...spec, onProposal };
}

export function toProtoPipeline(pipeline: PipelineRecord): training.Pipeline {
  const { id, name, spec, version, createTime, updateTime } = pipeline;
  return { id, name, spec: toProtoSpec(spec), etag: String(version), createTime, updateTime };
}

export function toProtoRun(run: PipelineRunRecord): training.PipelineRun {
  const { work, facts } = run;
  return {
    id: run.id,
    pipelineId: run.pipelineId,
    pipelineName: run.pipelineName,
    state: toProtoRunState(run.state),
    reason: run.reason,
    spec: toProtoSpec(run.spec),
    proposalId: run.proposalId,
    feedbackDatasetVersionId: work.feedbackVersionId ?? '',
    feedbackRows: String(work.feedbackRows ?? 0),
    jobId: work.jobId ?? '',
    modelManifestDigest: work.modelDigest ?? '',
    modelVersion: facts.modelVersion ?? 0,
    evaluationJobId: work.evaluationJobId ?? '',
    championEvaluationJobId: work.championEvaluationJobId ?? '',
    championVersion: work.championVersion ?? 0,
    gate: (work.gate ?? []).map(toProtoOutcome),
    comparisons: (work.comparisons ?? []).map(({ rows, candidateOnlyRight, controlOnlyRight, ...rest }) => ({
      ...rest,
      rows: String(rows),
      candidateOnlyRight: String(candidateOnlyRight),
      controlOnlyRight: String(controlOnlyRight),
    })),
    approvalId: work.approvalId ?? '',
    forced: facts.force !== undefined,
    forcedBy: facts.force?.by ?? '',
    forceReason: facts.force?.reason ?? '',
    startedBy: run.startedBy,
    lastError: run.lastError,
    etag: String(run.version),
    createTime: run.createTime,
    endTime: run.endTime ?? undefined,
    updateTime: run.updateTime,
  };
}

function toProtoSpec(spec: PipelineSpec): training.PipelineSpec {
  const settings = Object.entries(spec.hyperparameters).map(([name, value]): [string, string] => [name, String(value)]);
  return {
    ...spec,
    feedback: spec.feedback ? { ...spec.feedback, rowsMin: String(spec.feedback.rowsMin) } : undefined,
    hyperparameters: Object.fromEntries(settings),
    onProposal: policies[spec.onProposal],
  };
}

function toProtoOutcome(outcome: GateOutcome): training.GateOutcome {
  const { rule, passed, value, championValue, reason } = outcome;
  return { rule, passed, value, championValue: championValue ?? 0, hasChampion: championValue !== null, reason };
}
