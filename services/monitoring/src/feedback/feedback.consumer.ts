// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Topics } from '#libs/contracts';
import { toAppError } from '#libs/errors';
import { DeadLetters, EventConsumer, onRawBatch, type ReceivedEvent } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { MonitoringMetrics } from '../monitoring.metrics';
import { parseFeedback, type FeedbackDraft } from './feedback-draft';
import { SubmitFeedback } from './submit-feedback';

/** The public input topic: anybody's CloudEvents, binary or structured. One bad event does not hold up its neighbours. */
@Injectable()
export class FeedbackConsumer extends EventConsumer {
  readonly group = 'monitoring.feedback';
  // A fetch of a partition is one batch when much waits: the more pieces in it, the more of them have a rater, and its two rows, in
  // common. What little traffic leaves in the partitions goes together.
  override readonly batch = {
    sizeMax: 3_000,
    fetchBytesMax: 1024 * 1024,
    gatherMs: 2,
    partitionsConcurrentMax: Topics.feedbackInput.partitions,
  };
  // The table of feedback is unique by workspace, source and event id, and raters, days and the outbox follow what was inserted.
  readonly handlers = [onRawBatch(Topics.feedbackInput.name, (events, tx) => this.handle(events, tx), { ownsDuplicates: true })];

  constructor(
    private readonly submitFeedback: SubmitFeedback,
    private readonly deadLetters: DeadLetters,
    private readonly metrics: MonitoringMetrics,
  ) {
    super();
  }

  private async handle(events: ReceivedEvent[], tx: Transaction): Promise<number> {
    const drafts: FeedbackDraft[] = [];
    for (const event of events) {
      try {
        drafts.push(parseFeedback(event.data, event));
      } catch (error) {
        const refused = toAppError(error);
        if (refused.kind !== 'invalid') throw error;
        await this.deadLetters.deadLetter(tx, event, refused.code, refused.message);
        this.metrics.feedback.inc({ state: 'dead_lettered' });
      }
    }
    return events.length - drafts.length + (await this.submitFeedback.execute(tx, drafts));
  }
}
