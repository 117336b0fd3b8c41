// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import type { training } from '#libs/contracts';
import type { Transaction } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { EvaluationsRepository } from '../evaluations/evaluations.repository';
import { checkModelName } from '../mlflow/limits';
import { ModelsRepository, VersionsRepository } from '../models/models.repository';
import { RegisterModelVersion } from '../models/register-model-version';
import type { RunInfo } from '../runs/run';
import { RunsRepository } from '../runs/runs.repository';
import { evaluationMetricsOf } from './evaluation-metrics';
import { finalMetricsOf, inputsOf, lineageOf, paramsOf, tagsOf } from './job-run';
import { LiveRuns } from './live-runs';

/**
 * Records a job that made a model: its run (FINISHED, with params, metrics, inputs) and the next version of its registered
 * model, with lineage. One version per job, however often the event arrives.
 */
@Injectable()
export class RecordTrainingResult {
  constructor(
    private readonly clock: Clock,
    private readonly liveRuns: LiveRuns,
    private readonly runs: RunsRepository,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly evaluations: EvaluationsRepository,
    private readonly registerVersion: RegisterModelVersion,
    private readonly audit: AuditLog,
  ) {}

  async execute(tx: Transaction, caller: Caller, job: training.JobSucceeded, time: Date): Promise<void> {
    const { workspace } = caller;
    const experimentName = job.experimentName || job.registeredModelName || 'training';
    const run = await this.liveRuns.ensure(tx, caller, { ...job, experimentName, startTime: job.startTime ?? time });
    await this.runs.update(tx, workspace, {
      ...run,
      status: 'FINISHED',
      userId: job.submittedBy,
      startMs: (job.startTime ?? time).getTime(),
      endMs: (job.endTime ?? time).getTime(),
    });
    await this.runs.addParams(tx, workspace, run.id, paramsOf(job));
    await this.runs.addMetrics(tx, workspace, run.id, finalMetricsOf(job));
    await this.runs.setTags(tx, workspace, run.id, tagsOf(job));
    await this.runs.addInputs(tx, workspace, run.id, inputsOf(job));
    if (job.registeredModelName !== '') await this.register(tx, caller, job, run);
    // Evidence may have come first; the run shows it as well. Read last, after this job's place in the audit: one that was just being
    // recorded is committed by then, and one that comes later finds the version.
    const evidence = await this.evaluations.list(tx, workspace, [job.modelManifestDigest]);
    await this.runs.addMetrics(tx, workspace, run.id, evaluationMetricsOf(evidence));
  }

  private async register(tx: Transaction, caller: Caller, job: training.JobSucceeded, run: RunInfo): Promise<void> {
    const { workspace } = caller;
    const name = job.registeredModelName;
    checkModelName(name);
    if (await this.versions.findByJob(tx, workspace, job.jobId)) return;
    if (await this.models.insert(tx, workspace, { name, tags: [], nowMs: this.clock.now().getTime() })) {
      await this.audit.append(tx, caller, { action: 'model.created', subject: `models:/${name}` });
    }
    const source = `runs:/${run.id}/model`;
    const version = { modelName: name, source, storageLocation: `${run.artifactUri}/model`, runId: run.id };
    await this.registerVersion.within(
      tx,
      caller,
      {
        ...version,
        runLink: '',
        modelId: '',
        description: '',
        tags: tagsOf(job).filter((tag) => tag.key.startsWith('millrace.')),
      },
      {
        manifestDigest: job.modelManifestDigest,
        jobId: job.jobId,
        pipelineRunId: job.pipelineRunId,
        lineage: lineageOf(job),
      },
    );
  }
}
