// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { ProfileRecord } from './profile-record';

export abstract class ProfilesRepository {
  /** Inserts it unless the version has one; answers the one that is there afterwards. */
  abstract insert(tx: Transaction, record: ProfileRecord): Promise<ProfileRecord>;
  /** By the profile's id or the id of its dataset version. */
  abstract find(db: Queryable, workspace: string, id: string): Promise<ProfileRecord | undefined>;
  /** Newest first, without results. */
  abstract list(
    db: Queryable,
    workspace: string,
    page: { size: number; beforeId?: string; datasetName?: string },
  ): Promise<ProfileRecord[]>;
  abstract update(db: Queryable, record: ProfileRecord): Promise<void>;
}
