// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { CommonErrors, notFound } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import type { Caller } from './caller';
import { checkTags, versionEtag, type DatasetVersion } from './dataset';
import { DatasetsRepository } from './datasets.repository';

export interface TagDatasetVersionInput {
  version: string;
  tags: Record<string, string>;
  etag: string;
  requestId: string;
}

/** Replaces the labels of a version. Throws CONFLICT when the etag is not the current one. */
@Injectable()
export class TagDatasetVersion {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly datasets: DatasetsRepository,
    private readonly events: EventPublisher,
  ) {}

  async execute(caller: Caller, input: TagDatasetVersionInput): Promise<DatasetVersion> {
    checkTags(input.tags);
    const { workspace } = caller;
    const { requestId, ...request } = input;
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'TagDatasetVersion', requestId, request }, async () => {
        const before = await this.datasets.findVersion(tx, workspace, input.version);
        if (!before) throw notFound('dataset version', input.version);
        const changed = { ...before, tags: input.tags, revision: before.revision + 1 };
        const fits = input.etag === '' || input.etag === versionEtag(before);
        if (!fits || !(await this.datasets.updateVersion(tx, changed, before.revision))) {
          throw CommonErrors.CONFLICT('the version changed meanwhile; read it again', { etag: versionEtag(before) });
        }
        await this.events.publish(tx, Events.DatasetVersionTagged, {
          workspace,
          aggregateId: changed.id,
          aggregateVersion: changed.revision,
          data: { versionId: changed.id, datasetId: changed.datasetId, tags: changed.tags },
        });
        return changed;
      }),
    );
  }
}
