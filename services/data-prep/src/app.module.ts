// SPDX-License-Identifier: Apache-2.0
import { Module, type DynamicModule } from '@nestjs/common';
import { ServiceModule } from '#libs/service-host';
import type { DataPrepSettings } from './config';
import { migrations } from './migrations';
import { DatasetVersionsConsumer } from './profiles/dataset-versions.consumer';
import { ProfilesGrpc } from './profiles/profiles.grpc';
import { ProfilesModule } from './profiles/profiles.module';
import { RecipesGrpc } from './recipes/recipes.grpc';
import { RecipesModule } from './recipes/recipes.module';

@Module({})
export class AppModule {
  static forRoot(settings: DataPrepSettings): DynamicModule {
    const host = ServiceModule.forRoot({
      service: 'data-prep',
      settings,
      migrations,
      consumers: [DatasetVersionsConsumer],
      rpc: [ProfilesGrpc, RecipesGrpc],
    });
    return { module: AppModule, imports: [host, ProfilesModule, RecipesModule] };
  }
}
