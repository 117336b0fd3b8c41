// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import { EvaluationsRepository } from './evaluations.repository';
import type { Evaluation } from './evidence';

interface EvaluationRow {
  manifest_digest: string;
  slice: string;
  metric: string;
  evaluation_job_id: string;
  value: number;
  low: number;
  high: number;
  confidence: number;
  rows: string;
  dataset_version_id: string;
  content_digest: string;
  baselines: Record<string, number>;
  scorer_version: string;
  end_time: Date;
}

const COLUMNS = `manifest_digest, slice, metric, evaluation_job_id, value, low, high, confidence, rows, dataset_version_id,
  content_digest, baselines, scorer_version, end_time`;

@Injectable()
export class EvaluationsTypeorm extends EvaluationsRepository {
  async add(tx: Transaction, workspace: string, evaluations: readonly Evaluation[]): Promise<void> {
    for (const one of evaluations) {
      await tx.query(
        `INSERT INTO evaluations (workspace, ${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT DO NOTHING`,
        [
          workspace,
          one.manifestDigest,
          one.slice,
          one.metric,
          one.evaluationJobId,
          one.value,
          one.low,
          one.high,
          one.confidence,
          one.rows,
          one.datasetVersionId,
          one.contentDigest,
          JSON.stringify(one.baselines),
          one.scorerVersion,
          one.endTime,
        ],
      );
    }
  }

  async list(db: Queryable, workspace: string, manifestDigests: readonly string[]): Promise<Evaluation[]> {
    const digests = manifestDigests.filter((digest) => digest !== '');
    if (digests.length === 0) return [];
    const rows = await db.query<EvaluationRow>(
      `SELECT ${COLUMNS} FROM evaluations WHERE workspace = $1 AND manifest_digest = ANY($2)
       ORDER BY end_time DESC, evaluation_job_id DESC, slice, metric`,
      [workspace, digests],
    );
    return rows.map((row) => ({
      manifestDigest: row.manifest_digest,
      slice: row.slice,
      metric: row.metric,
      evaluationJobId: row.evaluation_job_id,
      value: row.value,
      low: row.low,
      high: row.high,
      confidence: row.confidence,
      rows: Number(row.rows),
      datasetVersionId: row.dataset_version_id,
      contentDigest: row.content_digest,
      baselines: row.baselines,
      scorerVersion: row.scorer_version,
      endTime: row.end_time,
    }));
  }
}
