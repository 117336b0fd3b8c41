// SPDX-License-Identifier: Apache-2.0
import { type DynamicModule, Module } from '@nestjs/common';
import { ServiceModule } from '#libs/service-host';
import type { RegistrySettings } from './config';
import { ExperimentsGrpc } from './experiments/experiments.grpc';
import { migrations } from './migrations';
import { ModelsGrpc } from './models/models.grpc';
import { RegistryModule } from './registry.module';
import { RolloutsConsumer } from './rollouts/rollouts.consumer';
import { TrainingResultsConsumer } from './training-results/training-results.consumer';

@Module({})
export class AppModule {
  static forRoot(settings: RegistrySettings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ServiceModule.forRoot({
          service: 'registry',
          settings,
          migrations,
          consumers: [TrainingResultsConsumer, RolloutsConsumer],
          rpc: [ModelsGrpc, ExperimentsGrpc],
          http: { versionRoute: false },
        }),
        RegistryModule,
      ],
    };
  }
}
