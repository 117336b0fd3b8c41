// SPDX-License-Identifier: Apache-2.0
import { CheckBackends } from '../../services/gateway/src/deployments/check-backends';
import { DriveDeployments } from '../../services/gateway/src/deployments/drive-deployments';
import { replaceMethod, replaceSql, type Mutant, type Self } from './mutant';

/** Ways to break the intents of the gateway. */
export const INTENT_MUTANTS: readonly Mutant[] = [
  {
    name: 'end an intent without looking at its lease token',
    world: 'intents',
    twist: replaceSql('and lease_token = $4 returning state = $6', 'and $4::text is not null returning state = $6'),
  },
  {
    name: 'claim an intent that another replica holds',
    world: 'intents',
    twist: replaceSql('and (lease_expires_at is null or lease_expires_at <= now())', ''),
  },
  {
    name: 'mark an intent as done before the backend did it',
    world: 'intents',
    apply: replaceMethod(
      DriveDeployments,
      'drive',
      (original) =>
        async function (this: Self, claimed: Self) {
          await this.recordSuccess(claimed);
          return original.call(this, claimed);
        },
    ),
  },
  {
    name: 'sweep only what nobody has begun',
    world: 'intents',
    twist: replaceSql('where due_at <= now() and', "where due_at <= now() and state in ('pending', 'draining', 'failed') and"),
  },
  {
    name: 'never ask the backend what it still holds',
    world: 'intents',
    apply: replaceMethod(CheckBackends, 'execute', () => async () => 0),
  },
];
