// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { modelGrammar, parseFilter } from '../mlflow/filter';
import { checkModelName } from '../mlflow/limits';
import { parseModelOrderBy } from '../mlflow/order-by';
import { invalidParameter } from '../registry.errors';
import type { ModelVersion, RegisteredModel } from './model';
import { ModelsRepository, VersionsRepository } from './models.repository';
import { modelNotFound } from './not-found';

const PAGE_MODELS_MAX = 1000;

export interface RegistryQuery {
  filter: string;
  orderBy: string[];
  limit: number;
  bytesMax: number;
  pageToken: string;
}

/** A model with the newest version of each stage. */
export type ModelWithLatest = RegisteredModel & { latest: ModelVersion[] };

/** Reads registered models: one, or a page of a search by name. Prompts show only when the filter asks for them. */
@Injectable()
export class FindModels {
  constructor(
    private readonly db: Database,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
  ) {}

  async byName(workspace: string, name: string): Promise<ModelWithLatest> {
    checkModelName(name);
    const model = await this.models.find(this.db, workspace, name);
    if (!model) throw modelNotFound(name);
    return { ...model, latest: await this.versions.latest(this.db, workspace, [name]) };
  }

  async execute(workspace: string, query: RegistryQuery): Promise<{ models: ModelWithLatest[]; nextPageToken: string }> {
    checkPageSize(query.limit, PAGE_MODELS_MAX);
    const { models, nextPageToken } = await this.models.search(this.db, workspace, {
      clauses: parseFilter(query.filter, modelGrammar),
      orderBy: parseModelOrderBy(query.orderBy),
      limit: query.limit,
      bytesMax: query.bytesMax,
      pageToken: query.pageToken,
    });
    const latest = await this.versions.latest(
      this.db,
      workspace,
      models.map((model) => model.name),
    );
    const of = (name: string): ModelVersion[] => latest.filter((version) => version.modelName === name);
    return { models: models.map((model) => ({ ...model, latest: of(model.name) })), nextPageToken };
  }
}

/** `max_results` of a registry search, in the stock server's words. */
export function checkPageSize(limit: number, max: number): void {
  if (limit < 1) throw invalidParameter(`Invalid value for max_results. It must be a positive integer, but got ${limit}`);
  if (limit > max) {
    throw invalidParameter(`Invalid value for request parameter max_results. It must be at most ${max}, but got value ${limit}`);
  }
}
