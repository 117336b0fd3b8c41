// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { UnitOfWork } from '#libs/persistence';
import { AcceptFeedback } from './accept-feedback';
import { FeedbackRepository } from './feedback.repository';

const ROWS_PER_PASS = 500;
/** Looked at with each pass: what raced is nearly always committed by then. */
const RECENT_SECONDS = 10;
/** Looked at each minute: longer than a transaction is open. */
const WINDOW_SECONDS = 600;
const WINDOW_EVERY_MS = 60_000;
/** Looked at once: what raced right before all processes ended. */
const FIRST_SECONDS = 86_400;

/**
 * Joins feedback whose inference arrived in the same moment: both transactions were open side by side and neither saw the
 * other's row, so neither door could join them. Feedback of inferences that nobody knows stays unmatched, and may be much: each piece
 * of it is looked at some ten times, not with each pass.
 */
@Injectable()
export class JoinLateFeedback {
  private seconds = FIRST_SECONDS;
  private windowMs = -Infinity;

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly feedback: FeedbackRepository,
    private readonly acceptFeedback: AcceptFeedback,
    private readonly clock: Clock,
  ) {}

  async execute(): Promise<number> {
    const isWindowDue = this.clock.monotonicMs() - this.windowMs >= WINDOW_EVERY_MS;
    if (!isWindowDue) return this.join(RECENT_SECONDS);
    const { seconds } = this;
    // Before the look: one that takes too long must not be tried again at once.
    this.seconds = WINDOW_SECONDS;
    this.windowMs = this.clock.monotonicMs();
    const joined = await this.join(seconds);
    if (joined === ROWS_PER_PASS) {
      this.seconds = seconds;
      this.windowMs = -Infinity;
    }
    return joined;
  }

  private join(seconds: number): Promise<number> {
    const choice = { seconds, rowsMax: ROWS_PER_PASS };
    return this.unitOfWork.run(async (tx) => this.acceptFeedback.execute(tx, await this.feedback.attributeLeftOver(tx, choice)), {
      label: 'join-feedback',
    });
  }
}
