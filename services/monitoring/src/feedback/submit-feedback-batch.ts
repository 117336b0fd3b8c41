// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields } from '#libs/errors';
import { UnitOfWork } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import type { FeedbackDraft } from './feedback-draft';
import { FeedbackRepository, type Feedback } from './feedback.repository';
import { SubmitFeedback } from './submit-feedback';

/** Feedback from a door that answers: stored when this returns (P1); each piece is protected by its own id. */
@Injectable()
export class SubmitFeedbackBatch {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly submitFeedback: SubmitFeedback,
    private readonly feedback: FeedbackRepository,
    private readonly settings: MonitoringSettings,
  ) {}

  /** All drafts share workspace and source. Returns them as stored, in order. */
  async execute(drafts: readonly FeedbackDraft[]): Promise<Feedback[]> {
    const [first] = drafts;
    if (!first) throw invalidFields({ field: 'items', message: 'is empty' });
    if (drafts.length > this.settings.feedbackBatchMax) {
      throw invalidFields({ field: 'items', message: `has ${drafts.length} pieces; at most ${this.settings.feedbackBatchMax}` });
    }
    const { workspace, source } = first;
    return this.unitOfWork.run(
      async (tx) => {
        await this.submitFeedback.execute(tx, drafts);
        const sourceIds = drafts.map((draft) => draft.sourceId);
        const stored = await this.feedback.findBySource(tx, { workspace, source, sourceIds: [...new Set(sourceIds)] });
        const byId = new Map(stored.map((row) => [row.sourceId, row]));
        return sourceIds.flatMap((id) => byId.get(id) ?? []);
      },
      { label: 'submit-feedback' },
    );
  }
}
