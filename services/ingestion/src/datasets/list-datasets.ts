// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import type { Caller } from './caller';
import type { Dataset } from './dataset';
import { DatasetsRepository } from './datasets.repository';
import { readPage, type Page, type PageInput } from './page';

/** Lists datasets by name. */
@Injectable()
export class ListDatasets {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
  ) {}

  execute(caller: Caller, page: PageInput): Promise<Page<Dataset>> {
    return readPage(page, {
      filter: ['datasets', caller.workspace],
      read: (size, after) => this.datasets.listDatasets(this.db, caller.workspace, { size, after }),
      keyOf: (dataset) => dataset.name,
      kind: 'text',
    });
  }
}
