// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Queryable, Transaction } from '#libs/persistence';
import type { PipelineRecord, PipelineSpec } from './pipeline';
import { PipelinesRepository } from './pipelines.repository';

interface PipelineRow {
  workspace: string;
  id: string;
  name: string;
  spec: PipelineSpec;
  version: string;
  create_time: Date;
  update_time: Date;
}

@Injectable()
export class PipelinesTypeorm extends PipelinesRepository {
  async insert(
    tx: Transaction,
    pipeline: Pick<PipelineRecord, 'workspace' | 'id' | 'name' | 'spec'>,
  ): Promise<PipelineRecord | undefined> {
    const rows = await tx.query<PipelineRow>(
      `insert into pipelines (workspace, id, name, registered_model_name, spec) values ($1, $2, $3, $4, $5)
       on conflict (workspace, name) do nothing returning *`,
      [pipeline.workspace, pipeline.id, pipeline.name, pipeline.spec.registeredModelName, JSON.stringify(pipeline.spec)],
    );
    return rows[0] && toPipeline(rows[0]);
  }

  async find(db: Queryable, workspace: string, idOrName: string): Promise<PipelineRecord | undefined> {
    const rows = await db.query<PipelineRow>('select * from pipelines where workspace = $1 and (id = $2 or name = $2)', [
      workspace,
      idOrName,
    ]);
    return rows[0] && toPipeline(rows[0]);
  }

  async lock(tx: Transaction, workspace: string, idOrName: string): Promise<PipelineRecord | undefined> {
    const rows = await tx.query<PipelineRow>(
      'select * from pipelines where workspace = $1 and (id = $2 or name = $2) for update',
      [workspace, idOrName],
    );
    return rows[0] && toPipeline(rows[0]);
  }

  async update(tx: Transaction, pipeline: PipelineRecord, spec: PipelineSpec): Promise<PipelineRecord> {
    const rows = await tx.query<PipelineRow>(
      `update pipelines set spec = $3, registered_model_name = $4, version = version + 1, update_time = now()
       where workspace = $1 and id = $2 returning *`,
      [pipeline.workspace, pipeline.id, JSON.stringify(spec), spec.registeredModelName],
    );
    return toPipeline(rows[0]);
  }

  async list(db: Queryable, workspace: string, page: { size: number; after: string }): Promise<PipelineRecord[]> {
    const rows = await db.query<PipelineRow>(
      'select * from pipelines where workspace = $1 and name > $2 order by name limit $3',
      [workspace, page.after, page.size],
    );
    return rows.map(toPipeline);
  }

  async listByModel(db: Queryable, workspace: string, registeredModelName: string): Promise<PipelineRecord[]> {
    const rows = await db.query<PipelineRow>(
      'select * from pipelines where workspace = $1 and registered_model_name = $2 order by name',
      [workspace, registeredModelName],
    );
    return rows.map(toPipeline);
  }
}

function toPipeline(row: PipelineRow): PipelineRecord {
  return {
    workspace: row.workspace,
    id: row.id,
    name: row.name,
    spec: row.spec,
    version: Number(row.version),
    createTime: row.create_time,
    updateTime: row.update_time,
  };
}
