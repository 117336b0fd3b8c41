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
    const { workspace, rolloutId, action, cause } = decision;
    const found = await this.rollouts.find(tx, workspace, rolloutId);
    if (!found || found.state !== 'running') return found;
    const endpoint = await this.endpoints.lock(tx, workspace, found.endpoint);
    // Read again under the lock: somebody else may have decided while we waited.
    const rollout = await this.rollouts.find(tx, workspace, rolloutId);
    if (!endpoint || !rollout || endpoint.rolloutId !== rollout.id) return rollout;
    if (action === 'step') return this.transitions.stepOn(tx, endpoint, rollout, cause);
    const state = action === 'promote' ? 'promoted' : 'rolled-back';
    return this.transitions.close(tx, endpoint, { rollout, state, cause });
  }
}
