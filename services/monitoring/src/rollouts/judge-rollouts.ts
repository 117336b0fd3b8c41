// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { Events, monitoring } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { MonitoringSettings } from '../config';
import { databaseTime } from '../database-time';
import { DueRows } from '../evaluation/due-rows';
import { MonitoringMetrics } from '../monitoring.metrics';
import { describeVerdict } from '../verdicts/describe-verdict';
import { decideVerdict, VERDICT_POLICY_DEFAULT, type VerdictInput, type VerdictResult } from '../verdicts/rollout-verdict';
import { digestOf } from './digest-verdict';
import { RolloutsRepository, type Rollout, type Verdict } from './rollouts.repository';

const ROLLOUTS_PER_PASS = 100;
/** Until a rollout that could not be judged is tried again. */
const PUT_OFF_SECONDS = 10;
const DECISIONS = {
  promote: monitoring.Decision.DECISION_PROMOTE,
  rollback: monitoring.Decision.DECISION_ROLLBACK,
  hold: monitoring.Decision.DECISION_HOLD,
};

/**
 * Judges live rollouts that are due, each claimed by its row lock. A promotion, a rollback and every look that was taken become
 * a verdict row and an event in the same transaction; a step is decided at most once.
 */
@Injectable()
export class JudgeRollouts {
  constructor(
    private readonly dueRows: DueRows,
    private readonly rollouts: RolloutsRepository,
    private readonly publisher: EventPublisher,
    private readonly settings: MonitoringSettings,
    private readonly ids: Ids,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(): Promise<number> {
    return this.dueRows.workOn({
      task: 'judge-rollouts',
      rowsMax: ROLLOUTS_PER_PASS,
      claim: (tx) => this.rollouts.claimDue(tx),
      work: (tx, rollout) => this.judgeOne(tx, rollout),
      putOff: (tx, rollout) => this.rollouts.putOff(tx, rollout, PUT_OFF_SECONDS),
    });
  }

  private async judgeOne(tx: Transaction, rollout: Rollout): Promise<void> {
    const now = await databaseTime(tx);
    const input = await this.inputOf(tx, rollout, now);
    const result = decideVerdict(input);
    const spoken = result.outcome !== 'hold' || result.look !== undefined;
    if (spoken) await this.speak(tx, rollout, { input, result, now });
    await this.rollouts.save(tx, {
      ...rollout,
      looksTaken: result.looksTaken,
      decided: result.outcome !== 'hold',
      verdictCount: rollout.verdictCount + (spoken ? 1 : 0),
      lastResult: result,
      evaluateTime: new Date(now.getTime() + this.settings.verdictIntervalSeconds * 1000),
    });
  }

  private async inputOf(tx: Transaction, rollout: Rollout, now: Date): Promise<VerdictInput> {
    const counts = await this.rollouts.counts(tx, rollout);
    const steps = await this.rollouts.steps(tx, rollout.workspace, rollout.id);
    const stepStart = steps.find((step) => step.step === rollout.step)?.startTime ?? rollout.startTime;
    return {
      policy: {
        ...VERDICT_POLICY_DEFAULT,
        eventsPerArmMin: this.settings.verdictEventsPerArmMin,
        dwellSeconds: this.settings.verdictDwellSeconds,
        ...rollout.policy,
      },
      stage: String(rollout.step),
      quality: counts.quality,
      guards: [{ name: 'requests_without_failure', stages: counts.failures }],
      assignments: counts.assignments,
      looksTaken: rollout.looksTaken,
      observedSeconds: Math.max(0, (now.getTime() - stepStart.getTime()) / 1000),
    };
  }

  private async speak(
    tx: Transaction,
    rollout: Rollout,
    said: { input: VerdictInput; result: VerdictResult; now: Date },
  ): Promise<void> {
    const { input, result, now } = said;
    const verdict: Verdict = {
      workspace: rollout.workspace,
      id: this.ids.next(),
      rolloutId: rollout.id,
      endpoint: rollout.endpoint,
      step: rollout.step,
      outcome: result.outcome,
      look: result.look?.number ?? 0,
      reason: describeVerdict(result, input),
      evidence: { schema: 'millrace.verdict/v1', input, inputDigest: digestOf(input), result },
      decideTime: now,
    };
    await this.rollouts.insertVerdict(tx, verdict);
    const total = (side: 'stable' | 'canary', field: 'count' | 'good'): string =>
      String(input.quality.reduce((sum, stage) => sum + stage[side][field], 0));
    await this.publisher.publish(tx, Events.VerdictReached, {
      workspace: rollout.workspace,
      aggregateId: rollout.id,
      aggregateVersion: rollout.verdictCount + 1,
      data: {
        verdictId: verdict.id,
        rolloutId: rollout.id,
        endpoint: rollout.endpoint,
        decision: DECISIONS[result.outcome],
        step: verdict.step,
        look: verdict.look,
        controlCount: total('stable', 'count'),
        controlGood: total('stable', 'good'),
        candidateCount: total('canary', 'count'),
        candidateGood: total('canary', 'good'),
        evidenceJson: JSON.stringify(verdict.evidence),
        reason: verdict.reason,
        decideTime: now,
      },
    });
    this.metrics.verdicts.inc({ outcome: result.outcome });
  }
}
