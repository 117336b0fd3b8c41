// SPDX-License-Identifier: Apache-2.0
import type { ModelFiles } from '#libs/tiny-lm';
import type { GenerationPool } from '../generation/generation-pool';
import type { RuntimeMetrics } from '../runtime.metrics';
import type { ModelCatalogue, ResidentModel } from './model-catalogue';
import type { ModelLoader } from './model-loader';

/** Gives the files of a model, from memory or else from storage; a model that many ask for at once is read once. */
export class ServeModel {
  private readonly loading = new Map<string, Promise<ResidentModel>>();

  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly loader: ModelLoader,
    private readonly pool: GenerationPool,
    private readonly metrics: RuntimeMetrics,
  ) {}

  async execute(manifestDigest: string): Promise<Partial<ModelFiles>> {
    const resident = this.catalogue.use(manifestDigest);
    if (resident) return resident.files;
    let load = this.loading.get(manifestDigest);
    if (!load) {
      load = this.load(manifestDigest).finally(() => this.loading.delete(manifestDigest));
      this.loading.set(manifestDigest, load);
    }
    return (await load).files;
  }

  private async load(manifestDigest: string): Promise<ResidentModel> {
    try {
      const model = await this.loader.load(manifestDigest);
      for (const digest of this.catalogue.admit(manifestDigest, model)) {
        this.pool.forget(digest);
        this.metrics.evictions.inc();
      }
      this.metrics.loads.inc({ outcome: 'loaded' });
      return model;
    } catch (error) {
      this.metrics.loads.inc({ outcome: 'failed' });
      throw error;
    } finally {
      this.report();
    }
  }

  /** Sets the gauges after models came or went. */
  report(): void {
    this.metrics.modelsResident.set(this.catalogue.residentCount);
    this.metrics.modelBytes.set(this.catalogue.memoryBytes);
  }
}
