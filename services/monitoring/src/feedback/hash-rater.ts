// SPDX-License-Identifier: Apache-2.0
import { createHmac } from 'node:crypto';

/** Turns rater ids into keyed hashes: nobody can tell the person without the key, and workspaces do not share hashes. */
export class RaterHasher {
  constructor(private readonly key: string) {}

  hash(workspace: string, raterId: string): string {
    return createHmac('sha256', this.key).update(`${workspace}\0${raterId}`).digest('hex').slice(0, 24);
  }
}
