// SPDX-License-Identifier: Apache-2.0
import { createHmac } from 'node:crypto';

const SPACE = 2 ** 48;

/**
 * Where a user stands in a rollout: a number in [0, 100), the same for ever for this rollout and user, independent between
 * rollouts. The user is on the candidate while it is below the candidate's percentage, so a growing percentage only adds users.
 */
export function bucketOf(key: Buffer, rolloutId: string, user: string): number {
  const hash = createHmac('sha256', key).update(rolloutId).update('\0').update(user).digest();
  return (hash.readUIntBE(0, 6) / SPACE) * 100;
}

/** What events carry in place of the user's id: cannot be reversed or joined across workspaces without the key. */
export function userHash(key: Buffer, workspace: string, user: string): string {
  return createHmac('sha256', key).update(workspace).update('\0user\0').update(user).digest('hex').slice(0, 32);
}
