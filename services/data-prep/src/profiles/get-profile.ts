// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import type { Caller } from '../datasets/caller';
import type { ProfileRecord } from './profile-record';
import { ProfileErrors } from './profiles.errors';
import { ProfilesRepository } from './profiles.repository';

const REPORT_BYTES_MAX = 64 * 1024 * 1024;

/** Reads a profile by its id or by the id of its dataset version. */
@Injectable()
export class GetProfile {
  constructor(
    private readonly database: Database,
    private readonly profiles: ProfilesRepository,
    private readonly blobs: BlobStore,
  ) {}

  async execute(caller: Caller, id: string): Promise<ProfileRecord> {
    const record = await this.profiles.find(this.database, caller.workspace, id);
    if (!record) throw ProfileErrors.PROFILE_NOT_FOUND(`profile ${JSON.stringify(id)} not found`, { id });
    return record;
  }

  /** The report page, as it was made with the profile. */
  async report(caller: Caller, id: string): Promise<Buffer> {
    const record = await this.execute(caller, id);
    if (record.reportSha256 === null) {
      const why = record.state === 'failed' ? `failed: ${record.errorCode}` : `is ${record.state}`;
      throw ProfileErrors.PROFILE_NOT_READY(`the profile ${why}`, { id: record.id, state: record.state });
    }
    return this.blobs.get(record.reportSha256, { bytesMax: REPORT_BYTES_MAX });
  }
}
