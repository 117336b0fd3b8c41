// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import { AcceptFeedback } from '../feedback/accept-feedback';
import { FeedbackRepository } from '../feedback/feedback.repository';
import { MonitoringMetrics } from '../monitoring.metrics';
import { isFailure, rollUp } from '../rollups/minute-rollup';
import { InferencesRepository, type Inference } from './inferences.repository';

/** Stores a batch of finished requests once, adds them to their minutes, and joins feedback that came before them. */
@Injectable()
export class RecordInferences {
  constructor(
    private readonly inferences: InferencesRepository,
    private readonly feedback: FeedbackRepository,
    private readonly acceptFeedback: AcceptFeedback,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(tx: Transaction, batch: readonly Inference[]): Promise<void> {
    const inserted = await this.inferences.insert(tx, batch);
    const seen = new Set<string>();
    const fresh = batch.filter((inference) => {
      const key = `${inference.workspace}/${inference.id}`;
      if (!inserted.has(key) || seen.has(key)) return false;
      seen.add(key);
      return true;
    });
    await this.inferences.addRollups(
      tx,
      rollUp(fresh.map((inference) => ({ ...inference, failed: isFailure(inference.statusCode) }))),
    );
    const attributed = await this.feedback.attributeByInference(
      tx,
      fresh.flatMap(({ workspace, id, responseId }) => [
        { workspace, id },
        ...(responseId === '' ? [] : [{ workspace, id: responseId }]),
      ]),
    );
    await this.acceptFeedback.execute(tx, attributed);
    this.metrics.inferences.inc({ outcome: 'new' }, fresh.length);
    this.metrics.inferences.inc({ outcome: 'duplicate' }, batch.length - fresh.length);
  }
}
