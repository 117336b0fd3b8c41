// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { JoinLateFeedback } from '../feedback/join-late-feedback';
import { EvaluateMonitors } from '../monitors/evaluate-monitors';
import { ProposeRetraining } from '../proposals/propose-retraining';
import { ReviewRaters } from '../raters/review-raters';
import { PruneHistory } from '../retention/prune-history';
import { JudgeRollouts } from '../rollouts/judge-rollouts';
import type { LoopTask } from './loop-task';

/** What one pass does, in order: raters before monitors and rollouts, so that lies do not weigh. Nothing that a tenant's server can delay. */
@Injectable()
export class LoopTasks {
  constructor(
    private readonly joinLateFeedback: JoinLateFeedback,
    private readonly reviewRaters: ReviewRaters,
    private readonly evaluateMonitors: EvaluateMonitors,
    private readonly judgeRollouts: JudgeRollouts,
    private readonly proposeRetraining: ProposeRetraining,
    private readonly pruneHistory: PruneHistory,
  ) {}

  list(): [LoopTask, () => Promise<unknown>][] {
    return [
      ['join-feedback', () => this.joinLateFeedback.execute()],
      ['review-raters', () => this.reviewRaters.execute()],
      ['evaluate-monitors', () => this.evaluateMonitors.execute()],
      ['judge-rollouts', () => this.judgeRollouts.execute()],
      ['propose-retraining', () => this.proposeRetraining.execute()],
      ['prune-history', () => this.pruneHistory.execute()],
    ];
  }
}
