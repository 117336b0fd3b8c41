// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import { EndpointsRepository } from '../endpoints/endpoints.repository';
import { EndpointTransitions } from './endpoint-transitions';

/** An alias was moved, as the registry tells it. */
export interface AliasMove {
  workspace: string;
  modelName: string;
  alias: string;
  /** 0 = the alias is gone. */
  toVersion: number;
  toManifestDigest: string;
  /** Rollout whose verdict moved it back, or empty: then no new rollout starts. */
  rolloutId: string;
  actor: string;
  reason: string;
  /** aggregate_version of the event: older ones are ignored; 0 = the producer keeps none, applied always. */
  sequence: number;
}

/** Brings every endpoint of the alias to its new version. */
@Injectable()
export class FollowAlias {
  constructor(
    private readonly endpoints: EndpointsRepository,
    private readonly transitions: EndpointTransitions,
  ) {}

  /** Returns how many endpoints were told. */
  async execute(tx: Transaction, move: AliasMove): Promise<number> {
    const followers = await this.endpoints.lockFollowers(tx, move.workspace, move.modelName, move.alias);
    const behind = followers.filter((endpoint) => move.sequence === 0 || endpoint.aliasSequence < move.sequence);
    for (const endpoint of behind) {
      const told = { ...endpoint, aliasSequence: move.sequence };
      if (move.toVersion <= 0) {
        await this.endpoints.save(tx, { ...told, problem: `alias ${move.alias} was deleted; the last version stays` });
        continue;
      }
      await this.endpoints.resolved(tx, endpoint.workspace, endpoint.name);
      if (move.toManifestDigest === '') {
        const problem = `version ${move.toVersion} has no model manifest and cannot be served`;
        await this.endpoints.save(tx, { ...told, problem });
        continue;
      }
      const target = { version: move.toVersion, manifestDigest: move.toManifestDigest, direct: move.rolloutId !== '' };
      const reason = `alias ${move.alias} moved to version ${move.toVersion}: ${move.reason}`;
      await this.transitions.aim(tx, told, target, { verdictId: '', actor: move.actor, reason });
    }
    return behind.length;
  }
}
