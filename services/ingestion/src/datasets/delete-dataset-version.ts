// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { CommonErrors, invalidFields, notFound } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import type { Caller } from './caller';
import { checkLength, REASON_CHARACTERS_MAX, type DatasetVersion } from './dataset';
import { DatasetsRepository } from './datasets.repository';

export interface DeleteDatasetVersionInput {
  version: string;
  reason: string;
  requestId: string;
}

/**
 * Marks a version deleted: its rows can no longer be read, its counts, digest and lineage stay. Blobs are shared between
 * versions by content, so they are left to garbage collection. Deleting twice is no error.
 */
@Injectable()
export class DeleteDatasetVersion {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly datasets: DatasetsRepository,
    private readonly events: EventPublisher,
  ) {}

  async execute(caller: Caller, input: DeleteDatasetVersionInput): Promise<DatasetVersion> {
    if (input.reason.trim() === '') throw invalidFields({ field: 'reason', message: 'is required' });
    checkLength(input.reason, 'reason', REASON_CHARACTERS_MAX);
    const { workspace } = caller;
    const { requestId, ...request } = input;
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'DeleteDatasetVersion', requestId, request }, async () => {
        const before = await this.datasets.findVersion(tx, workspace, input.version);
        if (!before) throw notFound('dataset version', input.version);
        if (before.state === 'deleted') return before;
        const deleted: DatasetVersion = { ...before, state: 'deleted', revision: before.revision + 1 };
        if (!(await this.datasets.updateVersion(tx, deleted, before.revision))) {
          throw CommonErrors.CONFLICT('the version changed meanwhile; read it again');
        }
        await this.events.publish(tx, Events.DatasetVersionDeleted, {
          workspace,
          aggregateId: deleted.id,
          aggregateVersion: deleted.revision,
          data: { versionId: deleted.id, datasetId: deleted.datasetId, deletedBy: caller.subject, reason: input.reason },
        });
        return deleted;
      }),
    );
  }
}
