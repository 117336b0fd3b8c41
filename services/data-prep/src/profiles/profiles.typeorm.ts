// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import { isUuid } from '../datasets/read-page';
import type { WorkState } from '../jobs/job';
import { wellFormed } from '../recipes/json-lines';
import type { Profile } from './profile';
import type { ProfileRecord } from './profile-record';
import { ProfilesRepository } from './profiles.repository';

interface ProfileRow {
  id: string;
  workspace: string;
  dataset_version_id: string;
  dataset_name: string;
  dataset_version: number;
  state: WorkState;
  result?: Profile | null;
  report_sha256: string | null;
  error_code: string;
  error_message: string;
  revision: number;
  create_time: Date;
  update_time: Date;
}

const HEAD =
  'id, workspace, dataset_version_id, dataset_name, dataset_version, state, report_sha256, error_code, error_message, revision, create_time, update_time';

@Injectable()
export class TypeormProfilesRepository extends ProfilesRepository {
  async insert(tx: Transaction, record: ProfileRecord): Promise<ProfileRecord> {
    await tx.query(
      `insert into profiles (workspace, id, dataset_version_id, dataset_name, dataset_version, state, create_time, update_time)
       values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (workspace, dataset_version_id) do nothing`,
      [
        record.workspace,
        record.id,
        record.datasetVersionId,
        record.datasetName,
        record.datasetVersion,
        record.state,
        record.createTime,
        record.updateTime,
      ],
    );
    const rows = await tx.query<ProfileRow>(
      `select ${HEAD} from profiles where workspace = $1 and dataset_version_id = $2 for update`,
      [record.workspace, record.datasetVersionId],
    );
    return toRecord(rows[0]);
  }

  async find(db: Queryable, workspace: string, id: string): Promise<ProfileRecord | undefined> {
    const [row] = await db.query<ProfileRow>(
      `select ${HEAD}, result from profiles where workspace = $1 and (dataset_version_id = $2 or id = $3)`,
      [workspace, id, isUuid(id) ? id : null],
    );
    return row && toRecord(row);
  }

  async list(
    db: Queryable,
    workspace: string,
    page: { size: number; beforeId?: string; datasetName?: string },
  ): Promise<ProfileRecord[]> {
    // Ids are UUIDv7: their order is the order of creation.
    const rows = await db.query<ProfileRow>(
      `select ${HEAD} from profiles where workspace = $1 and ($2::uuid is null or id < $2) and ($3 = '' or dataset_name = $3)
       order by id desc limit $4`,
      [workspace, page.beforeId ?? null, page.datasetName ?? '', page.size],
    );
    return rows.map(toRecord);
  }

  async update(db: Queryable, record: ProfileRecord): Promise<void> {
    await db.query(
      `update profiles set state = $3, result = $4, report_sha256 = $5, error_code = $6, error_message = $7, revision = $8, update_time = $9
       where workspace = $1 and id = $2`,
      [
        record.workspace,
        record.id,
        record.state,
        // Samples are cut texts: Postgres takes no half of a character.
        record.result ? wellFormed(JSON.stringify(record.result)) : null,
        record.reportSha256,
        record.errorCode,
        record.errorMessage,
        record.revision,
        record.updateTime,
      ],
    );
  }
}

function toRecord(row: ProfileRow): ProfileRecord {
  return {
    id: row.id,
    workspace: row.workspace,
    datasetVersionId: row.dataset_version_id,
    datasetName: row.dataset_name,
    datasetVersion: row.dataset_version,
    state: row.state,
    result: row.result ?? null,
    reportSha256: row.report_sha256,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    revision: row.revision,
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
