// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events, monitoring } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { GatewayMetrics } from '../gateway.metrics';
import { DecideRollout, type RolloutDecision } from './decide-rollout';

const ACTIONS: Partial<Record<monitoring.Decision, RolloutDecision['action']>> = {
  [monitoring.Decision.DECISION_PROMOTE]: 'step',
  [monitoring.Decision.DECISION_ROLLBACK]: 'roll-back',
};

/** What monitoring's sequential tests say about rollouts. A verdict about one that is over, or not ours, changes nothing. */
@Injectable()
export class VerdictsConsumer extends EventConsumer {
  readonly group = 'gateway.verdicts';
  readonly handlers;

  constructor(decideRollout: DecideRollout, metrics: GatewayMetrics) {
    super();
    this.handlers = [
      on(Events.VerdictReached, async ({ workspace, data }, tx) => {
        const action = ACTIONS[data.decision];
        const { rolloutId, verdictId, reason, step: judgedStep } = data;
        const cause = { verdictId, actor: 'service:monitoring', reason };
        const rollout = action && (await decideRollout.execute(tx, { workspace, rolloutId, action, judgedStep, cause }));
        const effect = rollout?.verdictId === verdictId ? 'applied' : 'none';
        metrics.verdicts.inc({ decision: action ?? 'hold', effect });
      }),
    ];
  }
}
