// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { decodePageToken, encodePageToken, pageSize } from '#libs/persistence';
import { pageBytesMax } from '../mlflow/limits';
import { FindModels, type ModelWithLatest } from './find-models';
import { type EvaluatedVersion, FindVersions } from './find-versions';

// One for all of them.
const { grpc: bytesMax } = pageBytesMax;

export interface Page {
  /** 0 = 50, at most 1,000. */
  pageSize?: number;
  pageToken?: string;
}

/** What our own doors (gRPC, /api/v1, the page) show of models: versions always come with their evidence. */
@Injectable()
export class BrowseModels {
  constructor(
    private readonly findModels: FindModels,
    private readonly findVersions: FindVersions,
  ) {}

  model(workspace: string, name: string): Promise<ModelWithLatest> {
    return this.findModels.byName(workspace, name);
  }

  /** By name; prompts are left out. */
  models(workspace: string, page: Page): Promise<{ models: ModelWithLatest[]; nextPageToken: string }> {
    const query = { filter: '', orderBy: [], limit: pageSize(page.pageSize), bytesMax, pageToken: page.pageToken ?? '' };
    return this.findModels.execute(workspace, query);
  }

  async version(workspace: string, name: string, version: number): Promise<EvaluatedVersion> {
    return this.evaluated(workspace, await this.findVersions.byNumber(workspace, name, version));
  }

  async byAlias(workspace: string, name: string, alias: string): Promise<EvaluatedVersion> {
    return this.evaluated(workspace, await this.findVersions.byAlias(workspace, name, alias));
  }

  /** Newest first. */
  async versions(workspace: string, name: string, page: Page): Promise<{ versions: EvaluatedVersion[]; nextPageToken: string }> {
    const [before] = decodePageToken(page.pageToken, ['integer'], ['versions', workspace, name]) ?? [0];
    const found = await this.findVersions.ofModel(workspace, name, {
      beforeVersion: Number(before),
      limit: pageSize(page.pageSize),
      bytesMax,
    });
    const versions = await this.findVersions.withEvaluations(workspace, found.versions);
    const last = versions.at(-1);
    return { versions, nextPageToken: found.more && last ? encodePageToken([last.version], ['versions', workspace, name]) : '' };
  }

  private async evaluated(
    workspace: string,
    version: Parameters<FindVersions['withEvaluations']>[1][number],
  ): Promise<EvaluatedVersion> {
    return (await this.findVersions.withEvaluations(workspace, [version]))[0];
  }
}
