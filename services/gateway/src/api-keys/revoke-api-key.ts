// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { notFound } from '#libs/errors';
import { UnitOfWork } from '#libs/persistence';
import { RoutingStore } from '../routing/routing-store';
import type { ApiKey } from './api-key';
import { ApiKeysRepository } from './api-keys.repository';

/** Revokes a key: every replica refuses it within the routing poll time. Repeating it changes nothing. */
@Injectable()
export class RevokeApiKey {
  constructor(
    private readonly apiKeys: ApiKeysRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly routing: RoutingStore,
    private readonly clock: Clock,
  ) {}

  async execute(workspace: string, id: string): Promise<ApiKey> {
    return this.unitOfWork.run(
      async (tx) => {
        const apiKey = await this.apiKeys.revoke(tx, workspace, id, this.clock.now());
        if (!apiKey) throw notFound('API key', id);
        await this.routing.changed(tx);
        return apiKey;
      },
      { label: 'revoke api key' },
    );
  }
}
