// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database, pageSize } from '#libs/persistence';
import { ApiKeysRepository, type ApiKeyPage } from './api-keys.repository';

/** Lists API keys of one workspace. */
@Injectable()
export class ReadApiKeys {
  constructor(
    private readonly apiKeys: ApiKeysRepository,
    private readonly database: Database,
  ) {}

  execute(workspace: string, query: { pageSize?: number; pageToken?: string }): Promise<ApiKeyPage> {
    return this.apiKeys.list(this.database, workspace, { size: pageSize(query.pageSize), token: query.pageToken ?? '' });
  }
}
