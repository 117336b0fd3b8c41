// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { ModelCatalogue, ModelEntry } from './model-catalogue';
import type { ModelListFile } from './model-list-file';
import type { ServeModel } from './serve-model';

export interface LoadModelInput {
  id: string;
  manifestDigest: string;
  aliases: string[];
}

/**
 * Serves a model under an id. Returns when it is in memory and every file was verified, so the caller may send traffic. Repeating the call
 * changes nothing; another digest under the same id is refused: versions never change.
 */
export class LoadModel {
  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly serve: ServeModel,
    private readonly list: ModelListFile,
    private readonly clock: Clock,
  ) {}

  async execute({ id, manifestDigest, aliases }: LoadModelInput): Promise<ModelEntry> {
    this.catalogue.assertFree(id, manifestDigest, aliases);
    await this.serve.execute(manifestDigest);
    // Somebody may have taken the name while the files were read.
    this.catalogue.assertFree(id, manifestDigest, aliases);
    const createTime = this.catalogue.find(id)?.createTime ?? this.clock.now();
    const entry: ModelEntry = { id, manifestDigest, aliases, createTime };
    this.catalogue.put(entry);
    await this.list.write(this.catalogue.list());
    return entry;
  }
}
