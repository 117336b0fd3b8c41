// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Ids } from '#libs/clock';
import { notFound } from '#libs/errors';
import { Database, decodePageToken, encodePageToken, Idempotency, pageSize, readFitting, UnitOfWork } from '#libs/persistence';
import type { Caller } from '../jobs/caller';
import type { JobViolation } from '../jobs/failure';
import { DEFAULT_TRAINER } from '../jobs/fine-tune-spec';
import { specInvalid, TrainingErrors } from '../jobs/jobs.errors';
import type { Page, PageRequest } from '../jobs/read-jobs';
import { readName } from '../jobs/spec-fields';
import { TrainerCatalog } from '../trainers/trainer-catalog';
import { type PipelineRecord, type PipelineSpec, type PipelineSpecInput, readPipelineSpec } from './pipeline';
import { PipelinesRepository } from './pipelines.repository';

/** Creates a pipeline. */
@Injectable()
export class CreatePipeline {
  constructor(
    private readonly pipelines: PipelinesRepository,
    private readonly trainers: TrainerCatalog,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly ids: Ids,
  ) {}

  /** Throws SPEC_INVALID naming each field, or PIPELINE_EXISTS. */
  execute(
    caller: Caller,
    given: { name: unknown; spec: PipelineSpecInput | undefined; requestId: string },
  ): Promise<PipelineRecord> {
    const { workspace } = caller;
    const violations: JobViolation[] = [];
    const name = readName(given.name, 'name', violations, true);
    const spec = checkedSpec(given.spec, this.trainers, violations);
    const request = { name: given.name, spec: given.spec };
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: 'CreatePipeline', requestId: given.requestId, request }, async () => {
          const created = await this.pipelines.insert(tx, { workspace, id: this.ids.next(), name, spec });
          if (!created)
            throw TrainingErrors.PIPELINE_EXISTS(`pipeline ${JSON.stringify(name)} exists already`, { field: 'name' });
          return created;
        }),
      { label: 'create pipeline' },
    );
  }
}

/** Replaces the policy of a pipeline. */
@Injectable()
export class UpdatePipeline {
  constructor(
    private readonly pipelines: PipelinesRepository,
    private readonly trainers: TrainerCatalog,
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
  ) {}

  /** Throws NOT_FOUND, SPEC_INVALID, or ETAG_MISMATCH when the etag given is not the pipeline's. */
  execute(
    caller: Caller,
    given: { pipeline: string; spec: PipelineSpecInput | undefined; etag: string; requestId: string },
  ): Promise<PipelineRecord> {
    const { workspace } = caller;
    const spec = checkedSpec(given.spec, this.trainers, []);
    const { requestId, ...request } = given;
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: 'UpdatePipeline', requestId, request }, async () => {
          const pipeline = await this.pipelines.lock(tx, workspace, given.pipeline);
          if (!pipeline) throw notFound('pipeline', given.pipeline);
          if (given.etag !== '' && given.etag !== String(pipeline.version)) {
            throw TrainingErrors.ETAG_MISMATCH(`the pipeline has etag ${pipeline.version}`, { field: 'etag' });
          }
          return this.pipelines.update(tx, pipeline, spec);
        }),
      { label: 'update pipeline' },
    );
  }
}

/** Reads of pipelines. */
@Injectable()
export class ReadPipelines {
  constructor(
    private readonly pipelines: PipelinesRepository,
    private readonly database: Database,
  ) {}

  async find(workspace: string, idOrName: string): Promise<PipelineRecord> {
    const pipeline = await this.pipelines.find(this.database, workspace, idOrName);
    if (!pipeline) throw notFound('pipeline', idOrName);
    return pipeline;
  }

  async list(workspace: string, page: PageRequest): Promise<Page<PipelineRecord>> {
    const size = pageSize(page.pageSize);
    const [after] = decodePageToken(page.pageToken, ['text'], ['pipelines', workspace]) ?? [''];
    const { items, isLast } = await readFitting(size, {
      after: String(after),
      read: (rows, from = '') => this.pipelines.list(this.database, workspace, { size: rows, after: from }),
      keyOf: ({ name }: PipelineRecord) => name,
    });
    return { items, nextPageToken: isLast ? '' : encodePageToken([items.at(-1)?.name ?? ''], ['pipelines', workspace]) };
  }
}

function checkedSpec(given: PipelineSpecInput | undefined, trainers: TrainerCatalog, violations: JobViolation[]): PipelineSpec {
  const spec = readPipelineSpec(given ?? {}, trainers.rules.get(DEFAULT_TRAINER) ?? {}, violations);
  if (violations.length > 0) throw specInvalid(violations);
  return spec;
}
