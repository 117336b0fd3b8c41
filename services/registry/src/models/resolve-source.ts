// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import { AliasesRepository } from '../aliases/aliases.repository';
import { invalidParameter } from '../registry.errors';
import { RunsRepository } from '../runs/runs.repository';
import type { ModelVersion } from './model';
import { ModelsRepository, VersionsRepository } from './models.repository';
import { aliasNotFound, modelNotFound, versionNotFound } from './not-found';
import { checkSource, parseRegisteredSource, type RegisteredSource } from './version-source';

export interface ResolvedSource {
  source: string;
  /** Where the files are. */
  storageLocation: string;
  /** Set when the source is a registered version: the run of that one. */
  runId?: string;
}

/** Turns what a caller names as the source of a version into a place, or refuses it. */
@Injectable()
export class ResolveSource {
  constructor(
    private readonly models: ModelsRepository,
    private readonly versions: VersionsRepository,
    private readonly aliases: AliasesRepository,
    private readonly runs: RunsRepository,
  ) {}

  /** `models:/name/v` stands for the place of that version, so that a copy outlives the registration of its original. */
  async execute(tx: Transaction, workspace: string, input: { source: string; runId: string }): Promise<ResolvedSource> {
    const registered = parseRegisteredSource(input.source);
    if (registered) {
      const origin = await this.origin(tx, workspace, registered);
      if (input.runId !== '' && input.runId !== origin.runId) {
        throw invalidParameter(
          `Invalid model version source: '${input.source}'. The run_id and model_id request parameters must match the referenced model version.`,
        );
      }
      const source = `models:/${origin.modelName}/${origin.version}`;
      return { source, storageLocation: origin.storageLocation, runId: origin.runId };
    }
    const run = input.runId === '' ? undefined : await this.runs.findInfo(tx, workspace, input.runId);
    checkSource(input.source, run, input.runId);
    const [, path] = /^runs:\/[^/]+(\/.*)?$/.exec(input.source) ?? [];
    const storageLocation = input.source.startsWith('runs:/') && run ? `${run.artifactUri}${path ?? ''}` : input.source;
    return { source: input.source, storageLocation };
  }

  private async origin(tx: Transaction, workspace: string, source: RegisteredSource): Promise<ModelVersion> {
    const { name, alias } = source;
    const model = await this.models.find(tx, workspace, name);
    if (!model) throw modelNotFound(name);
    if (model.isPrompt) {
      throw invalidParameter(
        `Invalid model version source: 'models:/${name}'. Prompt versions cannot be used as model version sources.`,
      );
    }
    const version = source.version ?? (await this.aliases.find(tx, workspace, name, alias!));
    if (version === undefined) throw aliasNotFound(name, alias!);
    const origin = await this.versions.find(tx, workspace, name, version);
    if (!origin) throw versionNotFound(name, version);
    return origin;
  }
}
