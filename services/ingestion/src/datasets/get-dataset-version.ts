// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database } from '#libs/persistence';
import type { Caller } from './caller';
import type { DatasetVersion } from './dataset';
import { DatasetErrors } from './datasets.errors';
import { DatasetsRepository } from './datasets.repository';

/** Reads a version by id, `<dataset>/<number>` or `<dataset>/latest`. Throws NOT_FOUND. */
@Injectable()
export class GetDatasetVersion {
  constructor(
    private readonly db: Database,
    private readonly datasets: DatasetsRepository,
  ) {}

  async execute(caller: Caller, reference: string): Promise<DatasetVersion> {
    const version = await this.datasets.findVersion(this.db, caller.workspace, reference);
    if (!version) throw notFound('dataset version', reference);
    return version;
  }

  /** Like execute, but throws VERSION_DELETED when its rows are gone. */
  async readable(caller: Caller, reference: string): Promise<DatasetVersion> {
    const version = await this.execute(caller, reference);
    if (version.state === 'deleted') throw DatasetErrors.VERSION_DELETED(`the rows of version ${version.id} were deleted`);
    return version;
  }
}
