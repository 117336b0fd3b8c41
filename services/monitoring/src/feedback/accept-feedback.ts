// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import { FeedbackRepository, type Feedback } from './feedback.repository';

/**
 * The second half of every piece of feedback: it was just attributed to an inference; now the rater's standing and daily bound
 * decide its state, and what is accepted is published. One path for feedback that came after its inference and before it.
 */
@Injectable()
export class AcceptFeedback {
  constructor(
    private readonly feedback: FeedbackRepository,
    private readonly publisher: EventPublisher,
    private readonly clock: Clock,
    private readonly settings: MonitoringSettings,
    private readonly metrics: MonitoringMetrics,
  ) {}

  /** `attributed` rows are locked by this transaction and still `unmatched`. Returns them with their final state. */
  async execute(tx: Transaction, attributed: readonly Feedback[]): Promise<Feedback[]> {
    if (attributed.length === 0) return [];
    const standings = await this.feedback.addRaters(tx, tally(attributed));
    const standing = new Map(standings.map((each) => [raterKey(each), each]));
    const rows = attributed.map((row): Feedback => {
      const quarantined = standing.get(raterKey(row))?.state === 'quarantined';
      return quarantined
        ? { ...row, state: 'retracted', stateReason: 'the rater is quarantined' }
        : { ...row, state: 'accepted', stateReason: '' };
    });
    const capped = await this.overCap(tx, rows);
    const final = rows.map((row): Feedback =>
      capped.has(row.id)
        ? { ...row, state: 'capped', stateReason: `more than ${this.settings.feedbackPerRaterDayMax} of this rater today` }
        : row,
    );
    await this.feedback.setStates(tx, final);
    await this.publish(tx, final, standing);
    const accepted = final.filter((row) => row.state === 'accepted');
    const due = new Date(this.clock.now().getTime() + this.settings.raterReviewSeconds * 1000);
    await this.feedback.askForReview(tx, [...new Set(accepted.map((row) => row.workspace))].sort(), due);
    for (const row of final) this.metrics.feedback.inc({ state: row.state });
    return final;
  }

  // The bound is counted before it is applied, in the same transaction: two batches of one rater cannot both slip under it.
  private async overCap(tx: Transaction, rows: readonly Feedback[]): Promise<Set<string>> {
    const counted = rows.filter((row) => row.state === 'accepted');
    const day = this.clock.now().toISOString().slice(0, 10);
    const totals = await this.feedback.addRaterDays(tx, day, tally(counted));
    const over = new Set<string>();
    for (const total of totals) {
      const own = counted.filter((row) => raterKey(row) === raterKey(total));
      const room = Math.max(0, this.settings.feedbackPerRaterDayMax - (total.count - own.length));
      for (const row of own.slice(room)) over.add(row.id);
    }
    return over;
  }

  private async publish(tx: Transaction, rows: readonly Feedback[], standing: Map<string, { version: number }>): Promise<void> {
    const left = new Map<string, number>();
    for (const row of rows) left.set(raterKey(row), (left.get(raterKey(row)) ?? 0) + 1);
    const events = rows.flatMap((row) => {
      // addRaters raised the version by the rows of the batch: each row takes the next one, in order.
      const remaining = left.get(raterKey(row)) ?? 1;
      left.set(raterKey(row), remaining - 1);
      if (row.state !== 'accepted') return [];
      const aggregateVersion = (standing.get(raterKey(row))?.version ?? remaining) - remaining + 1;
      return [{ workspace: row.workspace, aggregateId: row.raterHash, aggregateVersion, subject: row.id, data: toAccepted(row) }];
    });
    await this.publisher.publishMany(tx, Events.FeedbackAccepted, events);
  }
}

function raterKey(row: { workspace: string; raterHash: string }): string {
  return `${row.workspace}/${row.raterHash}`;
}

// Sorted, so that concurrent batches lock raters in one order.
function tally(rows: readonly Feedback[]): { workspace: string; raterHash: string; kind: string; added: number }[] {
  const counts = new Map<string, { workspace: string; raterHash: string; kind: string; added: number }>();
  for (const row of rows) {
    const { workspace, raterHash, raterKind: kind } = row;
    const count = counts.get(raterKey(row)) ?? { workspace, raterHash, kind, added: 0 };
    count.added += 1;
    counts.set(raterKey(row), count);
  }
  return [...counts.values()].sort((left, right) => (raterKey(left) < raterKey(right) ? -1 : 1));
}

function toAccepted(row: Feedback) {
  return {
    feedbackId: row.id,
    inferenceId: row.inferenceId,
    matched: true,
    modelName: row.modelName,
    modelVersion: row.modelVersion,
    endpoint: row.endpoint,
    rolloutId: row.rolloutId,
    arm: row.arm,
    metric: row.metric,
    valueJson: JSON.stringify(row.value),
    correction: row.correction,
    inputText: row.inputText,
    outputText: row.outputText,
    raterHash: row.raterHash,
    raterKind: row.raterKind,
    occurredTime: row.occurredTime,
  };
}
