// SPDX-License-Identifier: Apache-2.0
import { createHmac } from 'node:crypto';

/** Hashes kept at hand; people rate more than once, and a keyed hash is among the dearest steps of an event. */
const KEPT_MAX = 20_000;

/** Turns rater ids into keyed hashes: nobody can tell the person without the key, and workspaces do not share hashes. */
export class RaterHasher {
  private kept = new Map<string, string>();

  constructor(private readonly key: string) {}

  hash(workspace: string, raterId: string): string {
    const name = `${workspace}\0${raterId}`;
    const known = this.kept.get(name);
    if (known !== undefined) return known;
    const hash = createHmac('sha256', this.key).update(name).digest('hex').slice(0, 24);
    if (this.kept.size >= KEPT_MAX) this.kept = new Map();
    this.kept.set(name, hash);
    return hash;
  }
}
