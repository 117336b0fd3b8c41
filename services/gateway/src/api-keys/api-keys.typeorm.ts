// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { decodePageToken, encodePageToken, type Queryable, type Transaction } from '#libs/persistence';
import type { ApiKey } from './api-key';
import { ApiKeysRepository, type ApiKeyPage } from './api-keys.repository';

interface ApiKeyRow {
  workspace: string;
  id: string;
  name: string;
  prefix: string;
  created_by: string;
  create_time: Date;
  revoke_time: Date | null;
}

const COLUMNS = 'workspace, id, name, prefix, created_by, create_time, revoke_time';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** API keys in PostgreSQL. */
@Injectable()
export class PgApiKeysRepository extends ApiKeysRepository {
  async insert(tx: Transaction, key: ApiKey, secretHash: string): Promise<void> {
    await tx.query(
      'insert into api_keys (workspace, id, name, prefix, secret_hash, created_by, create_time) values ($1, $2, $3, $4, $5, $6, $7)',
      [key.workspace, key.id, key.name, key.prefix, secretHash, key.createdBy, key.createTime],
    );
  }

  async revoke(tx: Transaction, workspace: string, id: string, now: Date): Promise<ApiKey | undefined> {
    if (!UUID.test(id)) return undefined;
    const [row] = await tx.query<ApiKeyRow>(
      `update api_keys set revoke_time = coalesce(revoke_time, $3) where workspace = $1 and id = $2 returning ${COLUMNS}`,
      [workspace, id, now],
    );
    return row && toApiKey(row);
  }

  async list(db: Queryable, workspace: string, page: { size: number; token: string }): Promise<ApiKeyPage> {
    const after = decodePageToken(page.token, ['time', 'uuid'], ['api-keys', workspace]);
    const rows = await db.query<ApiKeyRow & { key_time: string }>(
      `select ${COLUMNS}, create_time::text as key_time from api_keys where workspace = $1
         and ($3::text is null or (create_time, id) < ($3::timestamptz, $4::uuid))
       order by create_time desc, id desc limit $2`,
      [workspace, page.size + 1, ...(after ?? [null, null])],
    );
    const kept = rows.slice(0, page.size);
    const last = kept.at(-1);
    const nextPageToken =
      rows.length > page.size && last ? encodePageToken([last.key_time, last.id], ['api-keys', workspace]) : '';
    return { apiKeys: kept.map(toApiKey), nextPageToken };
  }
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    workspace: row.workspace,
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    createdBy: row.created_by,
    createTime: row.create_time,
    revokeTime: row.revoke_time ?? undefined,
  };
}
