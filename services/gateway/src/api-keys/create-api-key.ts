// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { UnitOfWork } from '#libs/persistence';
import { RoutingStore } from '../routing/routing-store';
import { hashSecret, newSecret, visiblePrefix, type ApiKey } from './api-key';
import { ApiKeysRepository } from './api-keys.repository';

/** Makes a key. The secret is in the answer and nowhere else, so a repeated call makes another key. */
@Injectable()
export class CreateApiKey {
  constructor(
    private readonly apiKeys: ApiKeysRepository,
    private readonly unitOfWork: UnitOfWork,
    private readonly routing: RoutingStore,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async execute(input: { workspace: string; name: string; createdBy: string }): Promise<{ apiKey: ApiKey; secret: string }> {
    const { workspace, name, createdBy } = input;
    if (name.trim() === '' || name.length > 128) throw invalidFields({ field: 'name', message: 'must have 1 to 128 characters' });
    const secret = newSecret();
    const createTime = this.clock.now();
    const prefix = visiblePrefix(secret);
    const apiKey: ApiKey = { workspace, id: this.ids.next(), name, prefix, createdBy, createTime, revokeTime: undefined };
    await this.unitOfWork.run(
      async (tx) => {
        await this.apiKeys.insert(tx, apiKey, hashSecret(secret));
        await this.routing.changed(tx);
      },
      { label: 'create api key' },
    );
    return { apiKey, secret };
  }
}
