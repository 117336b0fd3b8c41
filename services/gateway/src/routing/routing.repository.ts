// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { RoutingSnapshot } from './routing-snapshot';

/** Store of what routing is made of. */
export abstract class RoutingRepository {
  /** Says, in the transaction of the change, that routing changed. */
  abstract bump(tx: Transaction): Promise<void>;
  abstract revision(db: Queryable): Promise<string>;
  /** Everything at one moment. Makes the user hash key on first use. */
  abstract load(db: Queryable): Promise<RoutingSnapshot>;
}
