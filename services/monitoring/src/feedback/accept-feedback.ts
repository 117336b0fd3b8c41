// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { slicesOf, type Transaction } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { MonitoringMetrics } from '../monitoring.metrics';
import {
  FeedbackRepository,
  type AttributedFeedback,
  type FeedbackTexts,
  type RaterStanding,
  type RaterTally,
} from './feedback.repository';

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

  /** `attributed` rows are locked by this transaction and still `unmatched`. Returns how many there were. */
  async execute(tx: Transaction, attributed: readonly AttributedFeedback[]): Promise<number> {
    return this.decide(tx, attributed, (rows) => this.feedback.settle(tx, rows));
  }

  /** `inserted` rows were stored as accepted by this transaction, which almost all of them stay. */
  async executeInserted(tx: Transaction, inserted: readonly AttributedFeedback[]): Promise<number> {
    return this.decide(tx, inserted, (rows) =>
      this.feedback.refuse(
        tx,
        rows.filter((row) => row.state !== 'accepted'),
      ),
    );
  }

  private async decide(
    tx: Transaction,
    attributed: readonly AttributedFeedback[],
    write: (rows: readonly AttributedFeedback[]) => Promise<void>,
  ): Promise<number> {
    if (attributed.length === 0) return 0;
    const now = this.clock.now();
    const tallies = tally(attributed);
    const standings = await this.feedback.addRaters(tx, inOneOrder(tallies), {
      day: now.toISOString().slice(0, 10),
      reviewSeconds: this.settings.raterReviewSeconds,
    });
    const standing = new Map(standings.map((each) => [raterKey(each), each]));
    const rows = this.judge(attributed, tallies, standing);
    await write(rows);
    await this.publish(tx, rows, tallies, standing);
    for (const [state, count] of countBy(rows)) this.metrics.feedback.inc({ state }, count);
    return rows.length;
  }

  // A batch was counted to its rater's day before the bound is applied, in the same transaction: two batches of one rater cannot
  // both slip under it. What is above the bound are the last pieces.
  private judge(rows: readonly AttributedFeedback[], tallies: Tallies, standing: Standings): AttributedFeedback[] {
    const { feedbackPerRaterDayMax: bound } = this.settings;
    const taken = new Map<string, number>();
    return rows.map((row) => {
      const key = raterKey(row);
      const rater = standing.get(key);
      if (rater?.state === 'quarantined') return { ...row, state: 'retracted', stateReason: 'the rater is quarantined' };
      if (!rater || rater.dayCount <= bound)
        return row.state === 'accepted' ? row : { ...row, state: 'accepted', stateReason: '' };
      const before = rater.dayCount - (tallies.get(key)?.added ?? 0) + (taken.get(key) ?? 0);
      taken.set(key, (taken.get(key) ?? 0) + 1);
      return before < bound
        ? { ...row, state: 'accepted', stateReason: '' }
        : { ...row, state: 'capped', stateReason: `more than ${bound} of this rater today` };
    });
  }

  private async publish(
    tx: Transaction,
    rows: readonly AttributedFeedback[],
    tallies: Tallies,
    standing: Standings,
  ): Promise<void> {
    const next = new Map<string, number>();
    const accepted = rows.flatMap((row) => {
      // addRaters raised the version by the rows of the batch: each row takes the next one, in order.
      const key = raterKey(row);
      const aggregateVersion = next.get(key) ?? (standing.get(key)?.version ?? 0) - (tallies.get(key)?.added ?? 0) + 1;
      next.set(key, aggregateVersion + 1);
      return row.state === 'accepted' ? [{ row, aggregateVersion }] : [];
    });
    // A hundred kilobytes of text times the pieces of a batch are more than a process has.
    for (const slice of slicesOf(accepted, ({ row }) => row.textBytes)) {
      const texts = await this.feedback.texts(
        tx,
        slice.flatMap(({ row }) => (row.inputText === null ? [row] : [])),
      );
      const events = slice.map(({ row, aggregateVersion }) => ({
        workspace: row.workspace,
        aggregateId: row.raterHash,
        aggregateVersion,
        subject: row.id,
        data: toAccepted(row, texts.get(row.id)),
      }));
      await this.publisher.publishMany(tx, Events.FeedbackAccepted, events);
    }
  }
}

type Tallies = ReadonlyMap<string, RaterTally>;
type Standings = ReadonlyMap<string, RaterStanding>;

function raterKey(row: { workspace: string; raterHash: string }): string {
  return `${row.workspace}/${row.raterHash}`;
}

function tally(rows: readonly AttributedFeedback[]): Map<string, RaterTally> {
  const counts = new Map<string, RaterTally>();
  for (const row of rows) {
    const { workspace, raterHash, raterKind: kind } = row;
    const key = raterKey(row);
    const count = counts.get(key);
    if (count) count.added += 1;
    else counts.set(key, { workspace, raterHash, kind, added: 1 });
  }
  return counts;
}

function inOneOrder(tallies: Tallies): RaterTally[] {
  return [...tallies].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, tally]) => tally);
}

function countBy(rows: readonly AttributedFeedback[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

function toAccepted(row: AttributedFeedback, texts: FeedbackTexts | undefined) {
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
    inputText: texts?.inputText ?? row.inputText ?? '',
    outputText: texts?.outputText ?? row.outputText ?? '',
    raterHash: row.raterHash,
    raterKind: row.raterKind,
    occurredTime: row.occurredTime,
  };
}
