// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import type { Transaction } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { AcceptFeedback } from './accept-feedback';
import type { FeedbackDraft } from './feedback-draft';
import { FeedbackRepository, type FeedbackState, type NewFeedback } from './feedback.repository';
import { RaterHasher } from './hash-rater';
import { defaultMetric, isGood, isPossible, type MetricDefinition } from './metric-definition';

/**
 * Stores a batch of feedback: what is new is kept, joined to its inference when that is known, and accepted, capped or
 * rejected. Feedback for an unknown inference stays `unmatched` and is joined when the inference arrives.
 */
@Injectable()
export class SubmitFeedback {
  private readonly hasher: RaterHasher;

  constructor(
    private readonly feedback: FeedbackRepository,
    private readonly acceptFeedback: AcceptFeedback,
    private readonly ids: Ids,
    private readonly metrics: MonitoringMetrics,
    settings: MonitoringSettings,
  ) {
    this.hasher = new RaterHasher(settings.raterHashKey);
  }

  /** Returns how many of the batch were new. */
  async execute(tx: Transaction, drafts: readonly FeedbackDraft[]): Promise<number> {
    if (drafts.length === 0) return 0;
    const metrics = await this.feedback.metrics(tx, [...new Set(drafts.map((draft) => draft.workspace))]);
    const rows = drafts.map((draft) => this.toRow(draft, metrics.get(`${draft.workspace}/${draft.metric}`)));
    const fresh = await this.feedback.insert(tx, rows);
    const count = (state: FeedbackState): number => fresh.filter((row) => row.state === state).length;
    await this.acceptFeedback.executeInserted(
      tx,
      fresh.filter((row) => row.state === 'accepted'),
    );
    this.metrics.feedback.inc({ state: 'duplicate' }, rows.length - fresh.length);
    this.metrics.feedback.inc({ state: 'rejected' }, count('rejected'));
    this.metrics.feedback.inc({ state: 'unmatched' }, count('unmatched'));
    return fresh.length;
  }

  private toRow(draft: FeedbackDraft, declared: MetricDefinition | undefined): NewFeedback {
    const metric = declared ?? defaultMetric(draft.metric);
    const impossible = !isPossible(metric, draft.correction);
    return {
      workspace: draft.workspace,
      id: this.ids.next(),
      source: draft.source,
      sourceId: draft.sourceId,
      inferenceId: draft.inferenceId,
      state: impossible ? 'rejected' : 'unmatched',
      stateReason: impossible ? `the correction is not a label of metric ${metric.name}` : '',
      metric: draft.metric,
      value: draft.value,
      good: isGood(metric, draft.value),
      correction: draft.correction,
      impossible,
      comment: draft.comment,
      raterHash: this.hasher.hash(draft.workspace, draft.raterId),
      raterKind: draft.raterKind,
      occurredTime: draft.occurredTime,
    };
  }
}
