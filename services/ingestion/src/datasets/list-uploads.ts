// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { Caller } from './caller';
import { DatasetsRepository, type UploadRecord } from './datasets.repository';
import { readPage, type Page, type PageInput } from './page';

/** Lists uploads, newest first; a refused one says why. */
@Injectable()
export class ListUploads {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
  ) {}

  execute(caller: Caller, page: PageInput): Promise<Page<UploadRecord>> {
    return readPage(page, {
      filter: ['uploads', caller.workspace],
      read: (size, after) => this.datasets.listUploads(this.db, caller.workspace, { size, after }),
      keyOf: (upload) => upload.id,
      kind: 'uuid',
    });
  }
}
