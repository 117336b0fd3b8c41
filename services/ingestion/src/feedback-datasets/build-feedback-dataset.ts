// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { CommonErrors, invalidFields } from '#libs/errors';
import { Database, Idempotency, slicesOf, UnitOfWork } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import { IngestionSettings } from '../config';
import type { Caller } from '../datasets/caller';
import { checkDatasetName, checkLength, checkTags, REASON_CHARACTERS_MAX, type DatasetVersion } from '../datasets/dataset';
import { DatasetErrors } from '../datasets/datasets.errors';
import { RowChunkWriter } from '../rows/row-chunks';
import { identifyRow } from '../rows/row-identity';
import { CommitVersion } from '../uploads/commit-version';
import { selectFeedbackRows, toOpinion, toRow, type Feedback, type FeedbackSelection } from './feedback';
import { FeedbackRepository } from './feedback.repository';

/** Most feedback that one dataset is built from; the newest counts. */
const FEEDBACK_MAX = 200_000;
/** Of a piece without its texts, about. */
const PIECE_BYTES = 512;
/** In this process; a dataset of much feedback takes a few hundred megabytes while it is built, whatever its texts are. */
const RUNNING_MAX = 2;
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

interface ReadableSelection extends FeedbackSelection {
  textBytesOf: ReadonlyMap<string, number>;
}

/** Makes a dataset version of the feedback on a model. Throws NO_FEEDBACK when not one row comes of it. */
@Injectable()
export class BuildFeedbackDataset {
  private running = 0;

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
    if (this.running >= RUNNING_MAX) {
      throw CommonErrors.RESOURCE_EXHAUSTED('too many feedback datasets are built at once; try again soon');
    }
    this.running += 1;
    try {
      return await this.build(caller, input);
    } finally {
      this.running -= 1;
    }
  }

  private async build(caller: Caller, input: BuildFeedbackDatasetInput): Promise<BuiltFeedbackDataset> {
    const { workspace } = caller;
    const { requestId, ...request } = input;
    // Chosen before the transaction: rows are stored first, and only the commit decides which call was the first.
    const selection = await this.select(workspace, input);
    const [rows, quarantine] = await this.store(workspace, selection);
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
    checkLength(input.reason, 'reason', REASON_CHARACTERS_MAX);
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

  private async select(workspace: string, input: BuildFeedbackDatasetInput): Promise<ReadableSelection> {
    const found = await this.feedback.list(this.db, {
      workspace,
      modelName: input.modelName,
      retracted: input.source === 'retracted',
      sinceTime: input.sinceTime,
      limit: FEEDBACK_MAX,
    });
    const opinions: ReturnType<typeof toOpinion>[] = [];
    for (const slice of slicesOf(found, ({ textBytes }) => PIECE_BYTES + textBytes)) {
      const ids = slice.map(({ id }) => id);
      for (const feedback of await this.feedback.read(this.db, workspace, ids)) opinions.push(toOpinion(feedback));
    }
    const selection = selectFeedbackRows(opinions, input.rowsPerRaterMax || this.settings.feedbackRowsPerRaterMax);
    return { ...selection, textBytesOf: new Map(found.map(({ id, textBytes }) => [id, textBytes])) };
  }

  private async store(workspace: string, { rows, textBytesOf }: ReadableSelection) {
    const writer = new RowChunkWriter(this.blobs, this.settings.chunkBytes);
    for (const slice of slicesOf(rows, ({ id }) => PIECE_BYTES + (textBytesOf.get(id) ?? 0))) {
      const ids = slice.map(({ id }) => id);
      const read = new Map((await this.feedback.read(this.db, workspace, ids)).map((feedback) => [feedback.id, feedback]));
      for (const { id, votes } of slice) {
        const row = toRow(read.get(id) as Feedback, votes);
        const stored = identifyRow({ line: 0, json: JSON.stringify(row) }, writer.rowCount);
        if ('rowId' in stored) writer.add(stored.json);
        await writer.drain();
      }
    }
    return [await writer.end(), await new RowChunkWriter(this.blobs, this.settings.chunkBytes).end()];
  }
}
