// SPDX-License-Identifier: Apache-2.0
import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { HealthRegistry, Logger, Metrics, ShutdownSequence } from '#libs/observability';
import { BlobStore } from '#libs/storage';
import { RuntimeSettings } from '../config';
import { GenerationPool } from '../generation/generation-pool';
import { RuntimeMetrics } from '../runtime.metrics';
import { CheckGeneration } from './check-generation';
import { LoadModel } from './load-model';
import { ModelCatalogue } from './model-catalogue';
import { ModelListFile } from './model-list-file';
import { ModelLoader } from './model-loader';
import { ModelsHttp } from './models.http';
import { RestoreModels } from './restore-models';
import { ServeModel } from './serve-model';
import { UnloadModel } from './unload-model';

@Module({
  controllers: [ModelsHttp],
  providers: [
    { provide: RuntimeMetrics, inject: [Metrics], useFactory: (metrics: Metrics) => new RuntimeMetrics(metrics) },
    {
      provide: GenerationPool,
      inject: [RuntimeSettings, ModelCatalogue, Clock, Logger, RuntimeMetrics],
      useFactory: (settings: RuntimeSettings, catalogue: ModelCatalogue, ...rest: [Clock, Logger, RuntimeMetrics]) => {
        const { generationThreads: threads, queueRequestsMax: queueMax, requestSecondsMax } = settings;
        const [clock, logger, metrics] = rest;
        const isResident = (digest: string): boolean => catalogue.isResident(digest);
        return new GenerationPool({ threads, queueMax, requestSecondsMax }, { clock, logger, metrics, isResident });
      },
    },
    {
      provide: ModelCatalogue,
      inject: [RuntimeSettings],
      useFactory: (settings: RuntimeSettings) => new ModelCatalogue(settings.modelMemoryBytesMax),
    },
    {
      provide: ModelLoader,
      inject: [BlobStore, RuntimeSettings],
      useFactory: (store: BlobStore, settings: RuntimeSettings) =>
        new ModelLoader(store, { fileBytesMax: settings.modelFileBytesMax, threads: settings.generationThreads }),
    },
    {
      provide: ModelListFile,
      inject: [RuntimeSettings, Logger],
      useFactory: (settings: RuntimeSettings, logger: Logger) => new ModelListFile(settings.workDir, logger),
    },
    {
      provide: ServeModel,
      inject: [ModelCatalogue, ModelLoader, GenerationPool, RuntimeMetrics],
      useFactory: (...ports: ConstructorParameters<typeof ServeModel>) => new ServeModel(...ports),
    },
    {
      provide: LoadModel,
      inject: [ModelCatalogue, ServeModel, ModelListFile, Clock],
      useFactory: (...ports: ConstructorParameters<typeof LoadModel>) => new LoadModel(...ports),
    },
    {
      provide: UnloadModel,
      inject: [ModelCatalogue, GenerationPool, ModelListFile, ServeModel],
      useFactory: (...ports: ConstructorParameters<typeof UnloadModel>) => new UnloadModel(...ports),
    },
    {
      provide: RestoreModels,
      inject: [ModelCatalogue, ModelListFile, Logger],
      useFactory: (...ports: ConstructorParameters<typeof RestoreModels>) => new RestoreModels(...ports),
    },
    {
      provide: CheckGeneration,
      inject: [ModelCatalogue, ServeModel, GenerationPool, Clock],
      useFactory: (...ports: ConstructorParameters<typeof CheckGeneration>) => new CheckGeneration(...ports),
    },
  ],
  exports: [RuntimeMetrics, GenerationPool, ModelCatalogue, ServeModel],
})
export class ModelsModule implements OnApplicationBootstrap {
  constructor(
    @Inject(RestoreModels) private readonly restore: RestoreModels,
    check: CheckGeneration,
    pool: GenerationPool,
    health: HealthRegistry,
    shutdown: ShutdownSequence,
  ) {
    health.addReadiness('generation', () => check.execute());
    shutdown.on('close-pools', 'generation threads', () => pool.close());
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.restore.execute();
  }
}
