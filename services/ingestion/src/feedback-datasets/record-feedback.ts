// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields } from '#libs/errors';
import type { monitoring } from '#libs/contracts';
import type { Transaction } from '#libs/persistence';
import type { Feedback } from './feedback';
import { FeedbackRepository } from './feedback.repository';

/** One accepted feedback with the workspace of its event. */
export interface AcceptedFeedback {
  workspace: string;
  data: monitoring.FeedbackAccepted;
}

/** Keeps accepted feedback, in the transaction of its inbox row. */
@Injectable()
export class RecordFeedback {
  constructor(private readonly feedback: FeedbackRepository) {}

  async execute(tx: Transaction, accepted: AcceptedFeedback[]): Promise<void> {
    // Feedback on an inference that is not known yet has no model: monitoring tells it again once it is matched.
    await this.feedback.insert(tx, accepted.filter((item) => item.data.modelName !== '').map(toFeedback));
  }
}

function toFeedback({ workspace, data }: AcceptedFeedback): Feedback {
  return {
    id: data.feedbackId,
    workspace,
    inferenceId: data.inferenceId,
    modelName: data.modelName,
    modelVersion: data.modelVersion,
    metric: data.metric,
    value: readValue(data.valueJson),
    correction: data.correction,
    inputText: data.inputText,
    outputText: data.outputText,
    raterHash: data.raterHash,
    occurredTime: data.occurredTime ?? new Date(0),
  };
}

function readValue(json: string): unknown {
  if (json === '') return null;
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    throw invalidFields({ field: 'valueJson', message: `is not JSON: ${(error as Error).message}` });
  }
}
