// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { ApiKey } from './api-key';

export interface ApiKeyPage {
  apiKeys: ApiKey[];
  nextPageToken: string;
}

/** Store of API keys. */
export abstract class ApiKeysRepository {
  abstract insert(tx: Transaction, key: ApiKey, secretHash: string): Promise<void>;
  /** Revokes it unless that was done before; undefined when there is none of that id. */
  abstract revoke(tx: Transaction, workspace: string, id: string, now: Date): Promise<ApiKey | undefined>;
  abstract list(db: Queryable, workspace: string, page: { size: number; token: string }): Promise<ApiKeyPage>;
}
