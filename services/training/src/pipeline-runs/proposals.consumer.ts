// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, type EventHandler, on } from '#libs/messaging';
import { AnswerProposal } from './answer-proposal';

/** Retraining proposals of monitoring. */
@Injectable()
export class ProposalsConsumer extends EventConsumer {
  override readonly group = 'training.proposals';
  override readonly handlers: EventHandler[];

  constructor(answer: AnswerProposal) {
    super();
    this.handlers = [on(Events.RetrainingProposed, (event, tx) => answer.execute(tx, event.workspace, event.data))];
  }
}
