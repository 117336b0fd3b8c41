// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { experimentGrammar, parseFilter } from '../mlflow/filter';
import { parseExperimentId } from '../mlflow/limits';
import { parseOrderBy } from '../mlflow/order-by';
import { invalidParameter, RegistryErrors } from '../registry.errors';
import type { Experiment, ViewType } from './experiment';
import { ExperimentsRepository } from './experiments.repository';
import { experimentNotFound } from './not-found';

/** Page size of a search, checked in the stock server's words. */
export function checkMaxResults(limit: number, max: number): void {
  const value = `Invalid value ${limit} for parameter 'max_results' supplied.`;
  if (limit < 1) throw invalidParameter(`${value} It must be a positive integer`);
  if (limit > max) throw invalidParameter(`${value} It must be at most ${max}`);
}

export interface ExperimentQuery {
  view: ViewType;
  filter: string;
  orderBy: string[];
  limit: number;
  bytesMax: number;
  pageToken: string;
}

/** Reads experiments: one by id or name, or a page of a search (default order: newest first). */
@Injectable()
export class FindExperiments {
  constructor(
    private readonly db: Database,
    private readonly experiments: ExperimentsRepository,
  ) {}

  async byId(workspace: string, experimentId: string): Promise<Experiment> {
    const id = parseExperimentId(experimentId);
    await this.experiments.ensureDefault(this.db, workspace);
    const experiment = await this.experiments.find(this.db, workspace, id);
    if (!experiment) throw experimentNotFound(id);
    return experiment;
  }

  async byName(workspace: string, name: string): Promise<Experiment> {
    await this.experiments.ensureDefault(this.db, workspace);
    const experiment = await this.experiments.findByName(this.db, workspace, name);
    if (!experiment) throw RegistryErrors.EXPERIMENT_NOT_FOUND(`Could not find experiment with name '${name}'`, { name });
    return experiment;
  }

  async execute(workspace: string, query: ExperimentQuery): Promise<{ experiments: Experiment[]; nextPageToken: string }> {
    checkMaxResults(query.limit, 50_000);
    await this.experiments.ensureDefault(this.db, workspace);
    return this.experiments.search(this.db, workspace, {
      view: query.view,
      clauses: parseFilter(query.filter, experimentGrammar),
      orderBy: parseOrderBy(query.orderBy, experimentGrammar),
      limit: query.limit,
      bytesMax: query.bytesMax,
      pageToken: query.pageToken,
    });
  }
}
