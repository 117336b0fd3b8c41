// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { PipelineRecord, PipelineSpec } from './pipeline';

/** Pipelines of a workspace, by id or name. */
export abstract class PipelinesRepository {
  /** Undefined when the name is taken. */
  abstract insert(
    tx: Transaction,
    pipeline: Pick<PipelineRecord, 'workspace' | 'id' | 'name' | 'spec'>,
  ): Promise<PipelineRecord | undefined>;
  abstract find(db: Queryable, workspace: string, idOrName: string): Promise<PipelineRecord | undefined>;
  abstract lock(tx: Transaction, workspace: string, idOrName: string): Promise<PipelineRecord | undefined>;
  abstract update(tx: Transaction, pipeline: PipelineRecord, spec: PipelineSpec): Promise<PipelineRecord>;
  /** Ordered by name, after the given one. */
  abstract list(db: Queryable, workspace: string, page: { size: number; after: string }): Promise<PipelineRecord[]>;
  abstract listByModel(db: Queryable, workspace: string, registeredModelName: string): Promise<PipelineRecord[]>;
}
