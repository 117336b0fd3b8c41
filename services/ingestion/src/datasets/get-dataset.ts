// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database } from '#libs/persistence';
import type { Caller } from './caller';
import type { Dataset } from './dataset';
import { DatasetsRepository } from './datasets.repository';

/** Reads a dataset by id or name. Throws NOT_FOUND. */
@Injectable()
export class GetDataset {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
  ) {}

  async execute(caller: Caller, idOrName: string): Promise<Dataset> {
    const dataset = await this.datasets.findDataset(this.db, caller.workspace, idOrName);
    if (!dataset) throw notFound('dataset', idOrName);
    return dataset;
  }
}
