// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { Caller } from './caller';
import type { DatasetVersion } from './dataset';
import { DatasetsRepository } from './datasets.repository';
import { GetDataset } from './get-dataset';
import { readPage, type Page, type PageInput } from './page';

/** Lists the versions of a dataset, newest first. Throws NOT_FOUND for an unknown dataset. */
@Injectable()
export class ListDatasetVersions {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
    private readonly getDataset: GetDataset,
  ) {}

  async execute(caller: Caller, idOrName: string, page: PageInput): Promise<Page<DatasetVersion>> {
    const dataset = await this.getDataset.execute(caller, idOrName);
    return readPage(page, {
      filter: ['versions', dataset.id],
      read: (size, after) => this.datasets.listVersions(this.db, caller.workspace, dataset.id, { size, after }),
      keyOf: (version) => version.version,
      kind: 'integer',
    });
  }
}
