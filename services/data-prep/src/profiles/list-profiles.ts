// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { Caller, Page, PageInput } from '../datasets/caller';
import { readPage } from '../datasets/read-page';
import type { ProfileRecord } from './profile-record';
import { ProfilesRepository } from './profiles.repository';

/** Lists profiles, newest first, without results. */
@Injectable()
export class ListProfiles {
  constructor(
    private readonly database: Database,
    private readonly profiles: ProfilesRepository,
  ) {}

  async execute(caller: Caller, input: PageInput & { datasetName?: string }): Promise<Page<ProfileRecord>> {
    const datasetName = input.datasetName ?? '';
    return readPage(input, {
      filter: { list: 'profiles', workspace: caller.workspace, datasetName },
      read: (size, after) =>
        this.profiles.list(this.database, caller.workspace, { size, beforeId: after as string | undefined, datasetName }),
      keyOf: (record) => record.id,
      kind: 'uuid',
    });
  }
}
