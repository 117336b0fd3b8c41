// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { training } from '#libs/contracts';
import type { Transaction } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';
import type { Caller } from '../caller';
import { EvaluationsRepository } from '../evaluations/evaluations.repository';
import type { Evaluation } from '../evaluations/evidence';
import { VersionsRepository } from '../models/models.repository';
import { RunsRepository } from '../runs/runs.repository';
import { evaluationMetricsOf } from './evaluation-metrics';

/** Keeps what an evaluation job measured as evidence on the model's digest, and shows it on the runs of its versions. */
@Injectable()
export class RecordEvaluation {
  constructor(
    private readonly evaluations: EvaluationsRepository,
    private readonly versions: VersionsRepository,
    private readonly runs: RunsRepository,
    private readonly audit: AuditLog,
  ) {}

  async execute(tx: Transaction, caller: Caller, event: training.EvaluationSucceeded, time: Date): Promise<void> {
    const { workspace } = caller;
    const evaluations = event.results.map((result): Evaluation => ({
      ...result,
      manifestDigest: event.modelManifestDigest,
      evaluationJobId: event.evaluationJobId,
      rows: Number(result.rows),
      scorerVersion: event.scorerVersion,
      endTime: event.endTime ?? time,
    }));
    await this.evaluations.add(tx, workspace, evaluations);
    await this.audit.append(tx, caller, {
      action: 'evaluation.recorded',
      subject: `manifests:/${event.modelManifestDigest}`,
      after: {
        evaluationJobId: event.evaluationJobId,
        results: evaluations.map(({ slice, metric, value, rows, contentDigest }) => ({
          slice,
          metric,
          value,
          rows,
          contentDigest,
        })),
      },
    });
    // After the place in the audit, on which the job that makes the model waits: see RecordTrainingResult.
    const runIds = new Set(await this.versions.runsOfDigest(tx, workspace, event.modelManifestDigest));
    for (const runId of runIds) await this.runs.addMetrics(tx, workspace, runId, evaluationMetricsOf(evaluations));
  }
}
