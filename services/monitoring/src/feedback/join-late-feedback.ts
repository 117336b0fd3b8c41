// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '#libs/persistence';
import { AcceptFeedback } from './accept-feedback';
import { FeedbackRepository } from './feedback.repository';

const ROWS_PER_PASS = 500;

/**
 * Joins feedback whose inference arrived in the same moment: both transactions were open side by side and neither saw the
 * other's row, so neither door could join them.
 */
@Injectable()
export class JoinLateFeedback {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly feedback: FeedbackRepository,
    private readonly acceptFeedback: AcceptFeedback,
  ) {}

  async execute(): Promise<number> {
    return this.unitOfWork.run(
      async (tx) => this.acceptFeedback.execute(tx, await this.feedback.attributeLeftOver(tx, ROWS_PER_PASS)),
      { label: 'join-feedback' },
    );
  }
}
