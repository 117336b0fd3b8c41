// SPDX-License-Identifier: Apache-2.0
import type { GenerationPool } from '../generation/generation-pool';
import { modelNotFound } from '../runtime.errors';
import type { ModelCatalogue } from './model-catalogue';
import type { ModelListFile } from './model-list-file';
import type { ServeModel } from './serve-model';

/** Stops serving an id. Requests that already run on it finish; its memory goes when no other id needs it. */
export class UnloadModel {
  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly pool: GenerationPool,
    private readonly list: ModelListFile,
    private readonly serve: ServeModel,
  ) {}

  async execute(id: string): Promise<void> {
    const { wasKnown, unused } = this.catalogue.remove(id);
    if (!wasKnown) throw modelNotFound(id);
    if (unused) this.pool.forget(unused);
    this.serve.report();
    await this.list.write(this.catalogue.list());
  }
}
