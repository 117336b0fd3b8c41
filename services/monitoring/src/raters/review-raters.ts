// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { UnitOfWork, type Transaction } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { assessRaters, type RaterAssessment } from './rater-reputation';
import { RatersRepository, type Rater } from './raters.repository';

/** Newest opinions of one review: a bound for its memory and its time. */
const OPINIONS_MAX = 20_000;
const WORKSPACES_PER_PASS = 20;
/** A process that ended in the middle of a review leaves it to the others after this. */
const LEASE_SECONDS = 120;
/** Ids in one event: keeps it far below the broker's message limit. */
const IDS_PER_EVENT = 1000;

/** Judges the raters of workspaces with new feedback; who lies in bulk is quarantined and all their feedback retracted. */
@Injectable()
export class ReviewRaters {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly raters: RatersRepository,
    private readonly publisher: EventPublisher,
    private readonly settings: MonitoringSettings,
    private readonly clock: Clock,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(): Promise<number> {
    let reviewed = 0;
    for (; reviewed < WORKSPACES_PER_PASS; reviewed += 1) {
      const workspace = await this.claim();
      if (workspace === undefined) break;
      await this.unitOfWork.run((tx) => this.review(tx, workspace), { label: 'review-raters' });
    }
    return reviewed;
  }

  private claim(): Promise<string | undefined> {
    return this.unitOfWork.run((tx) => this.raters.claimReview(tx, LEASE_SECONDS), { label: 'claim-review' });
  }

  private async review(tx: Transaction, workspace: string): Promise<void> {
    const now = this.clock.now();
    const since = new Date(now.getTime() - this.settings.raterReviewDays * 86_400_000);
    const opinions = await this.raters.opinions(tx, workspace, { since, rowsMax: OPINIONS_MAX });
    const known = await this.raters.knownAnswers(tx, workspace);
    const suspects = await this.raters.suspects(tx, workspace);
    for (const assessment of await assessRaters(opinions, known)) {
      const state = suspects.get(assessment.raterHash) ?? 'trusted';
      // A quarantine ends by a person's decision only; an unchanged trusted rater needs no write.
      if (state === 'quarantined' || (state === 'trusted' && assessment.state === 'trusted')) continue;
      await this.apply(tx, workspace, assessment);
    }
    await this.raters.finishReview(tx, workspace);
  }

  private async apply(tx: Transaction, workspace: string, assessment: RaterAssessment): Promise<void> {
    const rater = await this.raters.lock(tx, workspace, assessment.raterHash);
    if (!rater || rater.state === 'quarantined') return;
    const judged: Rater = { ...rater, state: assessment.state, reason: assessment.reason, evidence: assessment.evidence };
    if (assessment.state !== 'quarantined') {
      await this.raters.save(tx, judged, 0);
      return;
    }
    await this.quarantine(tx, judged);
  }

  private async quarantine(tx: Transaction, rater: Rater): Promise<void> {
    const reason = `rater quarantined: ${rater.reason}`;
    const feedbackIds = await this.raters.retract(tx, rater, reason);
    const chunks = Array.from({ length: Math.ceil(feedbackIds.length / IDS_PER_EVENT) }, (_, index) =>
      feedbackIds.slice(index * IDS_PER_EVENT, (index + 1) * IDS_PER_EVENT),
    );
    const version = await this.raters.save(tx, rater, chunks.length);
    await this.publisher.publishMany(
      tx,
      Events.FeedbackRetracted,
      chunks.map((ids, index) => ({
        workspace: rater.workspace,
        aggregateId: rater.raterHash,
        aggregateVersion: version - chunks.length + 1 + index,
        data: { feedbackIds: ids, raterHash: rater.raterHash, reason },
      })),
    );
    this.metrics.ratersQuarantined.inc();
    this.metrics.feedback.inc({ state: 'retracted' }, feedbackIds.length);
  }
}
