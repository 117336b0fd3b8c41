// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database, pageSize } from '#libs/persistence';
import type { Rollout } from './rollout';
import { RolloutsRepository, type RolloutPage } from './rollouts.repository';

/** Reads rollouts of one workspace. */
@Injectable()
export class ReadRollouts {
  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly database: Database,
  ) {}

  /** Throws COMMON.NOT_FOUND. */
  async execute(workspace: string, id: string): Promise<Rollout> {
    const rollout = await this.rollouts.find(this.database, workspace, id);
    if (!rollout) throw notFound('rollout', id);
    return rollout;
  }

  list(workspace: string, query: { endpoint?: string; pageSize?: number; pageToken?: string }): Promise<RolloutPage> {
    const page = { size: pageSize(query.pageSize), token: query.pageToken ?? '', endpoint: query.endpoint ?? '' };
    return this.rollouts.list(this.database, workspace, page);
  }
}
