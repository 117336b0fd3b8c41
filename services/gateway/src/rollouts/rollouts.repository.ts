// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Rollout } from './rollout';

export interface RolloutPage {
  rollouts: Rollout[];
  nextPageToken: string;
}

/** Store of rollouts. Changes need the lock of their endpoint (EndpointsRepository.lock). */
export abstract class RolloutsRepository {
  abstract find(db: Queryable, workspace: string, id: string): Promise<Rollout | undefined>;
  abstract list(db: Queryable, workspace: string, page: { size: number; token: string; endpoint: string }): Promise<RolloutPage>;
  abstract insert(tx: Transaction, rollout: Rollout): Promise<void>;
  /** Writes a change of a running rollout; throws COMMON.CONFLICT when it is not running any more. */
  abstract save(tx: Transaction, rollout: Rollout): Promise<void>;
}
