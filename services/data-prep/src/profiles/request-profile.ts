// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { Idempotency, UnitOfWork, type Transaction } from '#libs/persistence';
import type { Caller } from '../datasets/caller';
import { DatasetVersions, type DatasetVersion } from '../datasets/dataset-versions';
import { JobQueue } from '../jobs/job-queue';
import type { ProfileRecord } from './profile-record';
import { ProfilesRepository } from './profiles.repository';

/** Asks for the profile of a dataset version: there is one per version, made in the background. A failed one is made again. */
@Injectable()
export class RequestProfile {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly profiles: ProfilesRepository,
    private readonly queue: JobQueue,
    private readonly versions: DatasetVersions,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async execute(caller: Caller, input: { datasetVersion: string; requestId: string }): Promise<ProfileRecord> {
    const { workspace } = caller;
    const version = await this.versions.get(workspace, input.datasetVersion);
    const request = { datasetVersion: input.datasetVersion };
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'RequestProfile', requestId: input.requestId, request }, () =>
        this.enqueue(tx, workspace, version),
      ),
    );
  }

  /** In the transaction of an event handler: the version is known from the event. */
  async enqueue(
    tx: Transaction,
    workspace: string,
    version: Pick<DatasetVersion, 'id' | 'datasetName' | 'version'>,
  ): Promise<ProfileRecord> {
    const now = this.clock.now();
    const wanted: ProfileRecord = {
      id: this.ids.next(),
      workspace,
      datasetVersionId: version.id,
      datasetName: version.datasetName,
      datasetVersion: version.version,
      state: 'queued',
      result: null,
      reportSha256: null,
      errorCode: '',
      errorMessage: '',
      revision: 1,
      createTime: now,
      updateTime: now,
    };
    const present = await this.profiles.insert(tx, wanted);
    const isFailed = present.state === 'failed';
    const record = isFailed
      ? { ...wanted, id: present.id, createTime: present.createTime, revision: present.revision + 1 }
      : present;
    if (isFailed) await this.profiles.update(tx, record);
    if (record.state === 'queued') await this.queue.submit(tx, { workspace, id: record.id, kind: 'profile' });
    return record;
  }
}
