// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { compareResults, type SliceComparison } from '../evaluation-jobs/compare-evaluation-jobs';
import { CreateEvaluationJob } from '../evaluation-jobs/create-evaluation-job';
import type { PreparedJob } from '../jobs/create-job';
import { evaluationSpec, type EvaluationResult, type JobRecord } from '../jobs/job';
import { JobsRepository } from '../jobs/jobs.repository';
import { applyGate, type GateOutcome } from '../pipelines/gate';
import { ModelRegistry } from '../registry/model-registry';
import type { PipelineRunRecord } from './pipeline-run';
import type { Step } from './run-step';

export interface GateReport {
  failure?: string;
  gate: GateOutcome[];
  comparisons: SliceComparison[];
}

/** Finished evaluations of a model that are looked through for one on the same rows. */
const EVIDENCE_LOOKED_AT = 50;

/** Scores the model of a run, and the version that the alias points to when nobody has scored it on the same rows yet. */
@Injectable()
export class EvaluateRun {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly createEvaluation: CreateEvaluationJob,
    private readonly jobs: JobsRepository,
    private readonly database: Database,
  ) {}

  async start(run: PipelineRunRecord): Promise<Step> {
    const { workspace, spec, work } = run;
    const champion =
      spec.alias === '' ? undefined : await this.registry.resolveAlias(workspace, spec.registeredModelName, spec.alias);
    const candidate = await this.prepare(run, work.modelDigest ?? '', await this.baselineTraining(run));
    const rival = champion && champion.manifestDigest !== work.modelDigest ? champion : undefined;
    const championJob = rival && (await this.prepare(run, rival.manifestDigest, []));
    const known = championJob && (await this.findEvidence(workspace, championJob));
    const caller = { workspace, subject: run.startedBy };
    return {
      waitSeconds: 0.5,
      work: { championVersion: champion?.version ?? 0, ...(known ? { championEvaluationJobId: known.id } : {}) },
      write: async (tx) => {
        const evaluation = await this.createEvaluation.insert(tx, caller, candidate);
        const other = championJob && !known ? await this.createEvaluation.insert(tx, caller, championJob) : undefined;
        return { evaluationJobId: evaluation.id, ...(other ? { championEvaluationJobId: other.id } : {}) };
      },
    };
  }

  /** The gate's outcome once all scores are there; undefined before. */
  async collect(run: PipelineRunRecord): Promise<GateReport | undefined> {
    const { evaluationJobId, championEvaluationJobId } = run.work;
    const ids = [evaluationJobId, championEvaluationJobId].filter((id): id is string => id !== undefined);
    const jobs = await Promise.all(
      ids.map((id) => this.jobs.find(this.database, { workspace: run.workspace, id }, 'evaluation')),
    );
    const results: EvaluationResult[] = [];
    for (const job of jobs) {
      if (job?.state === 'failed' || job?.state === 'cancelled') {
        const which = job.id === evaluationJobId ? 'the model' : 'the champion';
        return {
          failure: `evaluation of ${which} ${job.state}: ${job.error?.message ?? job.cancel?.reason ?? ''}`,
          gate: [],
          comparisons: [],
        };
      }
      if (job?.state !== 'succeeded' || job.result?.kind !== 'evaluation') return undefined;
      results.push(job.result);
    }
    const [candidate, champion] = results;
    if (!candidate) return undefined;
    return {
      gate: applyGate(run.spec.gate, candidate, champion),
      comparisons: champion ? compareResults(candidate, champion) : [],
    };
  }

  private prepare(run: PipelineRunRecord, modelManifestDigest: string, baselineTraining: unknown): Promise<PreparedJob> {
    const { spec } = run;
    const given = {
      displayName: `evaluation by ${run.pipelineName}`,
      modelManifestDigest,
      registeredModelName: spec.registeredModelName,
      slices: spec.evaluationSlices,
      promptTemplate: spec.promptTemplate,
      answerTemplate: spec.answerTemplate,
      baselineTraining,
      pipelineRunId: run.id,
    };
    return this.createEvaluation.prepare(run.workspace, given, 'pipeline');
  }

  // The baselines learn from the very rows that the model learned from.
  private async baselineTraining(run: PipelineRunRecord): Promise<unknown[]> {
    const job = run.work.jobId && (await this.jobs.find(this.database, { workspace: run.workspace, id: run.work.jobId }));
    if (!job) return [];
    return job.inputs.map(({ datasetVersionId, role, promptTemplate, answerTemplate }) => {
      return { datasetVersion: datasetVersionId, role, promptTemplate, answerTemplate };
    });
  }

  private async findEvidence(workspace: string, wanted: PreparedJob): Promise<JobRecord | undefined> {
    const filter = { kind: 'evaluation', state: 'succeeded', modelDigest: wanted.modelDigest } as const;
    const candidates = await this.jobs.list(this.database, workspace, filter, { size: EVIDENCE_LOOKED_AT });
    const key = rowsKey(wanted);
    return candidates.find((job) => rowsKey(job) === key);
  }
}

/** What decides the scores of a model: its slices by name and content, and the templates. */
function rowsKey(job: Pick<JobRecord, 'spec' | 'inputs'> | PreparedJob): string {
  const { slices, promptTemplate, answerTemplate } = evaluationSpec(job as JobRecord);
  return JSON.stringify([
    slices.map(({ name }, index) => [name, job.inputs[index]?.contentDigest]),
    promptTemplate,
    answerTemplate,
  ]);
}
