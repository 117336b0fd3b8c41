// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Database } from '#libs/persistence';
import { AliasesRepository } from '../aliases/aliases.repository';
import { EvaluationsRepository } from '../evaluations/evaluations.repository';
import type { Evaluation } from '../evaluations/evidence';
import { parseFilter, versionGrammar } from '../mlflow/filter';
import { checkAliasName, checkModelName, pageBytesMax } from '../mlflow/limits';
import { parseOrderBy } from '../mlflow/order-by';
import { checkPageSize, type RegistryQuery } from './find-models';
import type { ModelVersion } from './model';
import { ModelsRepository, VersionsRepository } from './models.repository';
import { aliasNotFound, modelNotFound, versionNotFound } from './not-found';

const PAGE_VERSIONS_MAX = 200_000;

/** A version with what was measured on it, newest first. */
export type EvaluatedVersion = ModelVersion & { evaluations: Evaluation[] };

/** Reads model versions: one, the one of an alias, those of a model, or a page of a search. */
@Injectable()
export class FindVersions {
  constructor(
    private readonly db: Database,
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly aliases: AliasesRepository,
    private readonly evaluations: EvaluationsRepository,
  ) {}

  async byNumber(workspace: string, name: string, version: number): Promise<ModelVersion> {
    checkModelName(name);
    const found = await this.versions.find(this.db, workspace, name, version);
    if (!found) throw versionNotFound(name, version);
    return found;
  }

  /** `latest` (any case) is the version with the highest number. */
  async byAlias(workspace: string, name: string, alias: string): Promise<ModelVersion> {
    checkModelName(name);
    checkAliasName(alias, 'allow');
    if (!(await this.models.find(this.db, workspace, name))) throw modelNotFound(name);
    if (alias.toLowerCase() === 'latest') {
      const { versions } = await this.versions.list(this.db, workspace, name, {
        beforeVersion: 0,
        limit: 1,
        bytesMax: pageBytesMax.grpc,
      });
      if (versions.length === 0) throw versionNotFound(name, 'latest');
      return versions[0];
    }
    const version = await this.aliases.find(this.db, workspace, name, alias);
    if (version === undefined) throw aliasNotFound(name, alias);
    return this.byNumber(workspace, name, version);
  }

  async withEvaluations(workspace: string, versions: readonly ModelVersion[]): Promise<EvaluatedVersion[]> {
    const digests = versions.map((version) => version.manifestDigest);
    const measured = await this.evaluations.list(this.db, workspace, digests);
    return versions.map((version) => ({
      ...version,
      evaluations: measured.filter((one) => one.manifestDigest === version.manifestDigest),
    }));
  }

  /** Newest first; throws when the model does not exist. */
  async ofModel(
    workspace: string,
    name: string,
    page: { beforeVersion: number; limit: number; bytesMax: number },
  ): Promise<{ versions: ModelVersion[]; more: boolean }> {
    if (!(await this.models.find(this.db, workspace, name))) throw modelNotFound(name);
    return this.versions.list(this.db, workspace, name, page);
  }

  async execute(workspace: string, query: RegistryQuery): Promise<{ versions: ModelVersion[]; nextPageToken: string }> {
    checkPageSize(query.limit, PAGE_VERSIONS_MAX);
    return this.versions.search(this.db, workspace, {
      clauses: parseFilter(query.filter, versionGrammar),
      orderBy: parseOrderBy(query.orderBy, versionGrammar),
      limit: query.limit,
      bytesMax: query.bytesMax,
      pageToken: query.pageToken,
    });
  }
}
