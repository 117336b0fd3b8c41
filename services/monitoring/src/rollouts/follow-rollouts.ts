// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { gateway } from '#libs/contracts';
import { notFound } from '#libs/errors';
import type { Transaction } from '#libs/persistence';
import { MonitorsRepository } from '../monitors/monitors.repository';
import { ResetMonitor } from '../monitors/reset-monitor';
import type { VerdictPolicy } from '../verdicts/rollout-verdict';
import { RolloutsRepository, type Rollout } from './rollouts.repository';

/** What the gateway says about a rollout, as one input: it started, moved to another step, or ended. */
export type RolloutFact =
  | { kind: 'started'; data: gateway.RolloutStarted }
  | { kind: 'stepped'; data: gateway.RolloutStepped }
  | { kind: 'finished'; data: gateway.RolloutFinished };

const OUTCOMES: Partial<Record<gateway.RolloutOutcome, string>> = {
  [gateway.RolloutOutcome.ROLLOUT_OUTCOME_PROMOTED]: 'promoted',
  [gateway.RolloutOutcome.ROLLOUT_OUTCOME_ROLLED_BACK]: 'rolled_back',
  [gateway.RolloutOutcome.ROLLOUT_OUTCOME_SUPERSEDED]: 'superseded',
};

/** Keeps our copy of the gateway's rollouts. Every step starts its own test: looks begin again, harm counts go on. */
@Injectable()
export class FollowRollouts {
  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly monitors: MonitorsRepository,
    private readonly resetMonitor: ResetMonitor,
  ) {}

  async execute(tx: Transaction, workspace: string, fact: RolloutFact, time: Date): Promise<void> {
    if (fact.kind === 'started') return this.started(tx, workspace, fact.data, time);
    const rollout = await this.rollouts.lock(tx, workspace, fact.data.rolloutId);
    // Events of one rollout keep their order: its start was put aside, or this is a stranger's. To wait would hold up every other
    // rollout of the partition; put aside, it can be replayed after its start.
    if (!rollout) throw notFound('rollout', fact.data.rolloutId);
    if (fact.kind === 'stepped') return this.stepped(tx, rollout, fact.data, time);
    return this.finished(tx, rollout, fact.data, time);
  }

  private async started(tx: Transaction, workspace: string, data: gateway.RolloutStarted, time: Date): Promise<void> {
    const startTime = data.startTime ?? time;
    const rollout = {
      workspace,
      id: data.rolloutId,
      endpoint: data.endpoint,
      alias: data.alias,
      modelName: data.candidate?.modelName ?? '',
      controlVersion: data.control?.version ?? 0,
      candidateVersion: data.candidate?.version ?? 0,
      metric: data.policy?.metric || 'correct',
      policy: toPolicy(data.policy),
      state: 'live' as const,
      outcome: '',
      step: 1,
      looksTaken: 0,
      decided: false,
      verdictCount: 0,
      lastResult: {},
      startTime,
      endTime: null,
    };
    await this.rollouts.upsert(tx, rollout);
    const first = { step: 1, candidatePercent: data.candidatePercent, startTime };
    await this.rollouts.putStep(tx, { workspace, rolloutId: rollout.id }, first);
  }

  private async stepped(tx: Transaction, rollout: Rollout, data: gateway.RolloutStepped, time: Date): Promise<void> {
    const key = { workspace: rollout.workspace, rolloutId: rollout.id };
    await this.rollouts.putStep(tx, key, { step: data.step, candidatePercent: data.candidatePercent, startTime: time });
    // A letter that was put aside is replayed after what followed it: the test of a later step goes on.
    if (data.step <= rollout.step || rollout.state === 'finished') return;
    await this.rollouts.save(tx, { ...rollout, step: data.step, looksTaken: 0, decided: false });
  }

  private async finished(tx: Transaction, rollout: Rollout, data: gateway.RolloutFinished, time: Date): Promise<void> {
    const outcome = OUTCOMES[data.outcome] ?? 'unknown';
    await this.rollouts.save(tx, { ...rollout, state: 'finished', outcome, endTime: data.endTime ?? time });
    if (outcome !== 'promoted') return;
    const reason = `version ${rollout.candidateVersion} took over ${rollout.endpoint}`;
    for (const monitor of await this.monitors.lockOfEndpoint(tx, rollout.workspace, rollout.endpoint)) {
      if (monitor.kind !== 'no_data') await this.resetMonitor.execute(tx, monitor, { reason, relearn: true });
    }
  }
}

// Zero is proto3's "not set": the service's own default applies.
function toPolicy(policy: gateway.RolloutPolicy | undefined): Partial<VerdictPolicy> {
  if (!policy) return {};
  return {
    ...(policy.margin > 0 ? { margin: policy.margin } : {}),
    ...(policy.alpha > 0 ? { promoteAlpha: policy.alpha } : {}),
    ...(policy.looks > 0 ? { looks: Math.min(20, policy.looks) } : {}),
    ...(policy.requestsPerArmMax > 0 ? { eventsPerArmMax: policy.requestsPerArmMax } : {}),
    ...(policy.harmAlpha > 0 ? { harmAlpha: policy.harmAlpha } : {}),
  };
}
