// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import { EndpointsRepository } from '../endpoints/endpoints.repository';
import { EndpointTransitions } from './endpoint-transitions';
import type { Rollout, RolloutCause } from './rollout';
import { RolloutsRepository } from './rollouts.repository';

/** What to do with a rollout. */
export interface RolloutDecision {
  workspace: string;
  rolloutId: string;
  /** 'step' = on to the next share (promoted after the last); 'promote' and 'roll-back' end it. */
  action: 'step' | 'promote' | 'roll-back';
  /** Of a verdict: the step that it is about. A step on is made from this one only; 0 = not said. */
  judgedStep?: number;
  cause: RolloutCause;
}

/**
 * Carries out a verdict or a person's word, once: the endpoint's row lock orders deciders, and a rollout that is over stays as it
 * ended. A roll-back is a pointer flip: nothing has to be loaded for it.
 */
@Injectable()
export class DecideRollout {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly rollouts: RolloutsRepository,
    private readonly transitions: EndpointTransitions,
  ) {}

  /** The rollout as it is afterwards; undefined when this workspace has none of that id. */
  async execute(tx: Transaction, decision: RolloutDecision): Promise<Rollout | undefined> {
    const { workspace, rolloutId, action, judgedStep = 0, cause } = decision;
    const found = await this.rollouts.find(tx, workspace, rolloutId);
    if (!found || found.state !== 'running') return found;
    const endpoint = await this.endpoints.lock(tx, workspace, found.endpoint);
    // Read again under the lock: somebody else may have decided while we waited.
    const rollout = await this.rollouts.find(tx, workspace, rolloutId);
    if (!endpoint || !rollout || endpoint.rolloutId !== rollout.id) return rollout;
    if (action === 'step') {
      // A verdict made again by a restored monitoring would let in the next step, which nobody has judged.
      const isPast = judgedStep > 0 && judgedStep !== rollout.step;
      return isPast ? rollout : this.transitions.stepOn(tx, endpoint, rollout, cause);
    }
    const state = action === 'promote' ? 'promoted' : 'rolled-back';
    return this.transitions.close(tx, endpoint, { rollout, state, cause });
  }
}
