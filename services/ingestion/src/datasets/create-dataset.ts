// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { CommonErrors } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import type { Caller } from './caller';
import { checkDatasetName, checkLength, datasetEtag, DESCRIPTION_CHARACTERS_MAX, type Dataset } from './dataset';
import { DatasetsRepository } from './datasets.repository';

export interface CreateDatasetInput {
  name: string;
  description: string;
  requestId: string;
}

/** Creates a dataset. Throws ALREADY_EXISTS when the name is taken in the workspace. */
@Injectable()
export class CreateDataset {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly datasets: DatasetsRepository,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async execute(caller: Caller, input: CreateDatasetInput): Promise<Dataset> {
    checkDatasetName(input.name);
    checkLength(input.description, 'description', DESCRIPTION_CHARACTERS_MAX);
    const { workspace } = caller;
    const request = { name: input.name, description: input.description };
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'CreateDataset', requestId: input.requestId, request }, async () => {
        const now = this.clock.now();
        const plain = { id: this.ids.next(), workspace, ...request, latestVersion: 0, createTime: now, updateTime: now };
        const dataset: Dataset = { ...plain, etag: datasetEtag(plain) };
        if (!(await this.datasets.insertDataset(tx, dataset))) {
          throw CommonErrors.ALREADY_EXISTS(`dataset ${JSON.stringify(input.name)} exists already`, { field: 'name' });
        }
        return dataset;
      }),
    );
  }
}
