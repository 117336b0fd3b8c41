// SPDX-License-Identifier: Apache-2.0
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import type { AppError } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import { DataPrepSettings } from '../config';
import { DatasetVersions, type DatasetVersion } from '../datasets/dataset-versions';
import { JobRunner } from '../jobs/job-runner';
import type { Job, JobHandler, JobLease } from '../jobs/job';
import { inBatches, linesOf, wellFormed } from '../recipes/json-lines';
import { parseRow } from '../recipes/recipe-rows';
import { ColumnEngine } from './column-engine';
import type { Profile } from './profile';
import { ProfileBuilder } from './profile-builder';
import { reportPath, type ProfileRecord } from './profile-record';
import { ProfileErrors } from './profiles.errors';
import { ProfilesRepository } from './profiles.repository';
import { reportPage } from './report-page';

const BATCH_ROWS = 200;
const SHINGLE_WORDS = 5;
const THRESHOLD = 0.7;

/** Makes a profile: all rows of the version in one pass, then the columns, then the page. Made again from the start after a kill. */
@Injectable()
export class MakeProfile implements JobHandler, OnModuleInit {
  readonly kind = 'profile';

  constructor(
    private readonly profiles: ProfilesRepository,
    private readonly versions: DatasetVersions,
    private readonly columns: ColumnEngine,
    private readonly blobs: BlobStore,
    private readonly events: EventPublisher,
    private readonly runner: JobRunner,
    private readonly settings: DataPrepSettings,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.runner.register(this);
  }

  async perform({ job, signal, folder, guarded }: JobLease): Promise<(tx: Transaction) => Promise<void>> {
    const record = await guarded(async (tx) => {
      const queued = await this.find(tx, job);
      await this.profiles.update(tx, {
        ...queued,
        state: 'running',
        revision: queued.revision + 1,
        updateTime: this.clock.now(),
      });
      return queued;
    });
    const version = await this.versions.get(job.workspace, record.datasetVersionId);
    const profile = await this.profile(job.workspace, version, { signal, folder });
    const { sha256 } = await this.blobs.put(Buffer.from(reportPage(profile)));
    return async (tx) => {
      const current = await this.find(tx, job);
      await this.profiles.update(tx, { ...this.ended(current, 'succeeded'), result: profile, reportSha256: sha256 });
      await this.publishCompleted(tx, current, profile);
    };
  }

  async fail(tx: Transaction, job: Job, error: AppError): Promise<void> {
    const current = await this.find(tx, job);
    const record = { ...this.ended(current, 'failed'), errorCode: error.code, errorMessage: error.message };
    await this.profiles.update(tx, record);
    await this.events.publish(tx, Events.ProfileFailed, {
      workspace: job.workspace,
      aggregateId: record.id,
      aggregateVersion: record.revision,
      data: { profileId: record.id, datasetVersionId: record.datasetVersionId, code: error.code, message: error.message },
    });
  }

  private ended(record: ProfileRecord, state: 'succeeded' | 'failed'): ProfileRecord {
    return { ...record, state, revision: record.revision + 1, updateTime: this.clock.now() };
  }

  private async find(db: Pick<Transaction, 'query'>, job: Job): Promise<ProfileRecord> {
    const record = await this.profiles.find(db, job.workspace, job.id);
    if (!record) throw ProfileErrors.PROFILE_NOT_FOUND(`profile ${job.id} not found`, { id: job.id });
    return record;
  }

  private async profile(
    workspace: string,
    version: DatasetVersion,
    lease: Pick<JobLease, 'signal' | 'folder'>,
  ): Promise<Profile> {
    const builder = new ProfileBuilder({
      nearDuplicateRowsMax: this.settings.profileNearDuplicateRowsMax,
      shingleWords: SHINGLE_WORDS,
      threshold: THRESHOLD,
    });
    const path = join(lease.folder, 'rows.jsonl');
    await this.read(this.versions.export(workspace, version.id, lease.signal), { builder, path, signal: lease.signal });
    const use = { temporaryFolder: lease.folder, signal: lease.signal };
    const columns = await this.columns.profile(path, builder.keys(), use);
    lease.signal.throwIfAborted();
    const input = {
      dataset: {
        name: version.datasetName,
        versionId: version.id,
        version: version.version,
        contentDigest: version.contentDigest,
      },
      bytes: version.bytes,
      quarantined: { rows: version.rowsQuarantined, byReason: version.quarantinedByReason },
    };
    return builder.finish(input, columns, this.clock.now(), lease.signal);
  }

  /** One pass: each batch goes to the builder and, for the columns, to a file. */
  private async read(
    bytes: AsyncIterable<Uint8Array>,
    to: { builder: ProfileBuilder; path: string; signal: AbortSignal },
  ): Promise<void> {
    const file = createWriteStream(to.path, { mode: 0o600 });
    // Errors are thrown by `finished` below or by `once`; without a listener they would end the process.
    let failure: Error | undefined;
    file.on('error', (error) => (failure = error));
    let ordinal = 0;
    try {
      for await (const lines of inBatches(linesOf(bytes), BATCH_ROWS)) {
        to.signal.throwIfAborted();
        if (failure) throw failure;
        to.builder.add(lines.map((line) => parseRow(line, ordinal++)));
        if (!file.write(`${lines.map(wellFormed).join('\n')}\n`)) await once(file, 'drain');
        // Counting tokens is work for the processor: let health checks and leases have their turn.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    } finally {
      file.end();
    }
    await finished(file);
  }

  private async publishCompleted(tx: Transaction, record: ProfileRecord, profile: Profile): Promise<void> {
    const alerts: Record<string, number> = {};
    for (const { severity } of profile.alerts) alerts[severity] = (alerts[severity] ?? 0) + 1;
    await this.events.publish(tx, Events.ProfileCompleted, {
      workspace: record.workspace,
      aggregateId: record.id,
      aggregateVersion: record.revision + 1,
      data: {
        profileId: record.id,
        datasetVersionId: record.datasetVersionId,
        datasetName: record.datasetName,
        rows: String(profile.rows),
        alerts,
        reportPath: reportPath(record),
        completeTime: this.clock.now(),
      },
    });
  }
}
