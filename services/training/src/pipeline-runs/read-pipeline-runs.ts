// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Database, decodePageToken, encodePageToken, pageSize, readFitting } from '#libs/persistence';
import type { Page, PageRequest } from '../jobs/read-jobs';
import { ReadPipelines } from '../pipelines/manage-pipelines';
import type { PipelineRunRecord, RunState } from './pipeline-run';
import { PipelineRunsRepository } from './pipeline-runs.repository';

export interface RunListFilter {
  /** Id or name. */
  pipeline?: string;
  state?: RunState;
  proposalId?: string;
}

/** Reads of runs, each within one workspace. */
@Injectable()
export class ReadPipelineRuns {
  constructor(
    private readonly runs: PipelineRunsRepository,
    private readonly pipelines: ReadPipelines,
    private readonly database: Database,
  ) {}

  async find(workspace: string, id: string): Promise<PipelineRunRecord> {
    const run = await this.runs.find(this.database, { workspace, id });
    if (!run) throw notFound('pipeline run', id);
    return run;
  }

  /** Newest first. Throws NOT_FOUND for a pipeline that does not exist. */
  async list(workspace: string, filter: RunListFilter, page: PageRequest): Promise<Page<PipelineRunRecord>> {
    const { pipeline, ...rest } = filter;
    const pipelineId = pipeline && (await this.pipelines.find(workspace, pipeline)).id;
    const size = pageSize(page.pageSize);
    const tokenFilter = ['pipeline-runs', workspace, filter];
    const keys = decodePageToken(page.pageToken, ['time', 'text'], tokenFilter);
    const after = keys && { createTime: String(keys[0]), id: String(keys[1]) };
    const stored = { ...rest, ...(pipelineId ? { pipelineId } : {}) };
    const { items, isLast } = await readFitting(size, {
      after,
      read: (rows, from) => this.runs.list(this.database, workspace, stored, { size: rows, ...(from ? { after: from } : {}) }),
      keyOf: ({ createTime, id }: PipelineRunRecord) => ({ createTime: createTime.toISOString(), id }),
    });
    const last = items.at(-1);
    return { items, nextPageToken: !isLast && last ? encodePageToken([last.createTime, last.id], tokenFilter) : '' };
  }
}
