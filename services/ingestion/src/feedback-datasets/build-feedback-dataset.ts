// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { invalidFields } from '#libs/errors';
import { Database, Idempotency, UnitOfWork } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import { IngestionSettings } from '../config';
import type { Caller } from '../datasets/caller';
import { checkDatasetName, checkTags, type DatasetVersion } from '../datasets/dataset';
import { DatasetErrors } from '../datasets/datasets.errors';
import { RowChunkWriter } from '../rows/row-chunks';
import { identifyRow } from '../rows/row-identity';
import { CommitVersion } from '../uploads/commit-version';
import { selectFeedbackRows, type FeedbackSelection } from './feedback';
import { FeedbackRepository } from './feedback.repository';

/** Most feedback that one dataset is built from; the newest counts. */
const FEEDBACK_MAX = 200_000;
const TIME_MS_MAX = Date.UTC(9999, 11, 31);

export interface BuildFeedbackDatasetInput {
  dataset: string;
  modelName: string;
  /** `retracted` is for studying abuse: the caller's door asks for role admin, and a reason is required. */
  source: 'accepted' | 'retracted';
  /** 0 = the setting. */
  rowsPerRaterMax: number;
  sinceTime?: Date;
  reason: string;
  tags: Record<string, string>;
  requestId: string;
}

export interface BuiltFeedbackDataset {
  version: DatasetVersion;
  leftOut: Record<string, number>;
}

/** Makes a dataset version of the feedback on a model. Throws NO_FEEDBACK when not one row comes of it. */
@Injectable()
export class BuildFeedbackDataset {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly db: Database,
    private readonly feedback: FeedbackRepository,
    private readonly blobs: BlobStore,
    private readonly commitVersion: CommitVersion,
    private readonly settings: IngestionSettings,
  ) {}

  async execute(caller: Caller, input: BuildFeedbackDatasetInput): Promise<BuiltFeedbackDataset> {
    this.check(input);
    const { workspace } = caller;
    const { requestId, ...request } = input;
    // Chosen before the transaction: rows are stored first, and only the commit decides which call was the first.
    const selection = await this.select(workspace, input);
    const [rows, quarantine] = await this.store(selection);
    return this.unitOfWork.run((tx) =>
      this.idempotency.once(tx, { workspace, operation: 'BuildFeedbackDataset', requestId, request }, async () => {
        if (rows.rows === 0) {
          throw DatasetErrors.NO_FEEDBACK(`no ${input.source} feedback on ${input.modelName} can become a row`, {
            leftOut: selection.leftOut,
          });
        }
        const version = await this.commitVersion.execute(tx, {
          workspace,
          dataset: input.dataset,
          kind: 'feedback',
          rows,
          quarantine,
          quarantinedByReason: {},
          parentVersionIds: [],
          producedBy: `feedback/${input.modelName}`,
          tags: { ...input.tags, source: input.source, ...(input.reason ? { reason: input.reason } : {}) },
        });
        return { version, leftOut: selection.leftOut };
      }),
    );
  }

  private check(input: BuildFeedbackDatasetInput): void {
    checkDatasetName(input.dataset, 'dataset');
    checkTags(input.tags);
    if (input.modelName === '') throw invalidFields({ field: 'model_name', message: 'is required' });
    if (input.source === 'retracted' && input.reason.trim() === '') {
      throw invalidFields({ field: 'reason', message: 'is required for retracted feedback' });
    }
    if (input.rowsPerRaterMax < 0) throw invalidFields({ field: 'rows_per_rater_max', message: 'must be 0 or more' });
    // A Timestamp and a JSON date can both name times that neither a Date nor Postgres knows.
    const since = input.sinceTime?.getTime() ?? 0;
    if (!(since >= 0 && since <= TIME_MS_MAX)) {
      throw invalidFields({ field: 'since_time', message: 'must lie between the years 1970 and 9999' });
    }
  }

  private async select(workspace: string, input: BuildFeedbackDatasetInput): Promise<FeedbackSelection> {
    const feedback = await this.feedback.list(this.db, {
      workspace,
      modelName: input.modelName,
      retracted: input.source === 'retracted',
      sinceTime: input.sinceTime,
      limit: FEEDBACK_MAX,
    });
    return selectFeedbackRows(feedback, input.rowsPerRaterMax || this.settings.feedbackRowsPerRaterMax);
  }

  private async store(selection: FeedbackSelection) {
    const writer = new RowChunkWriter(this.blobs, this.settings.chunkBytes);
    for (const [index, row] of selection.rows.entries()) {
      const stored = identifyRow({ line: index + 1, json: JSON.stringify(row) }, index, false, new Set());
      if ('rowId' in stored) writer.add(stored.json);
      await writer.drain();
    }
    return [await writer.end(), await new RowChunkWriter(this.blobs, this.settings.chunkBytes).end()];
  }
}
