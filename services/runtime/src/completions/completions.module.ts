// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { GenerationPool } from '../generation/generation-pool';
import { ModelCatalogue } from '../models/model-catalogue';
import { ModelsModule } from '../models/models.module';
import { ServeModel } from '../models/serve-model';
import { RuntimeMetrics } from '../runtime.metrics';
import { CallerGuard } from './caller-guard';
import { CompletionsHttp } from './completions.http';
import { CreateCompletion } from './create-completion';

@Module({
  imports: [ModelsModule],
  controllers: [CompletionsHttp],
  providers: [
    CallerGuard,
    {
      provide: CreateCompletion,
      inject: [ModelCatalogue, ServeModel, GenerationPool, Clock, Ids, RuntimeMetrics],
      useFactory: (catalogue: ModelCatalogue, serve: ServeModel, pool: GenerationPool, ...rest: [Clock, Ids, RuntimeMetrics]) => {
        const [clock, ids, metrics] = rest;
        return new CreateCompletion(catalogue, serve, pool, { clock, metrics, newId: () => ids.next() });
      },
    },
  ],
})
export class CompletionsModule {}
