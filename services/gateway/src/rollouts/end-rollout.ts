// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields, notFound } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { EndpointErrors } from '../endpoints/endpoints.errors';
import { DecideRollout } from './decide-rollout';
import type { Rollout } from './rollout';

export interface EndRolloutInput {
  workspace: string;
  id: string;
  action: 'promote' | 'roll-back';
  reason: string;
  /** Subject of the caller. */
  actor: string;
  requestId?: string;
}

const ENDS = { promote: 'promoted', 'roll-back': 'rolled-back' } as const;

/** A person ends a rollout. Asking again for the end that it had gives that end; asking for the other one is refused. */
@Injectable()
export class EndRollout {
  constructor(
    private readonly decideRollout: DecideRollout,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
  ) {}

  async execute(input: EndRolloutInput): Promise<Rollout> {
    const { workspace, id, action, reason, actor } = input;
    if (reason.length > 2000) throw invalidFields({ field: 'reason', message: 'must have at most 2,000 characters' });
    const { requestId, ...request } = input;
    const key = { workspace, operation: 'EndRollout', requestId, request };
    const rollout = await this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, key, () => {
          const cause = { verdictId: '', actor, reason: reason === '' ? `by ${actor}` : reason };
          return this.decideRollout.execute(tx, { workspace, rolloutId: id, action, cause });
        }),
      { label: 'end rollout' },
    );
    if (!rollout) throw notFound('rollout', id);
    if (rollout.state === ENDS[action]) return rollout;
    throw EndpointErrors.ROLLOUT_OVER(`rollout ${id} is ${rollout.state} already`, { state: rollout.state });
  }
}
