// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { FeedbackRepository } from './feedback.repository';
import { RecordFeedback } from './record-feedback';

/** Follows what monitoring accepts and takes back. Order per rater: a retraction comes after what it retracts. */
@Injectable()
export class FeedbackConsumer extends EventConsumer {
  readonly group = 'ingestion.feedback';

  constructor(
    private readonly record: RecordFeedback,
    private readonly feedback: FeedbackRepository,
  ) {
    super();
  }

  readonly handlers = [
    on(Events.FeedbackAccepted, (event, tx) => this.record.execute(tx, [{ workspace: event.workspace, data: event.data }])),
    on(Events.FeedbackRetracted, (event, tx) =>
      this.feedback.retract(tx, event.workspace, event.data.feedbackIds, event.data.reason),
    ),
  ];
}
