// SPDX-License-Identifier: Apache-2.0
import { Module, type DynamicModule } from '@nestjs/common';
import { ServiceModule } from '#libs/service-host';
import type { IngestionSettings } from './config';
import { DatasetsGrpc } from './datasets/datasets.grpc';
import { DatasetsModule } from './datasets/datasets.module';
import { FeedbackConsumer } from './feedback-datasets/feedback.consumer';
import { migrations } from './migrations';

@Module({})
export class AppModule {
  static forRoot(settings: IngestionSettings): DynamicModule {
    const host = ServiceModule.forRoot({
      service: 'ingestion',
      settings,
      migrations,
      consumers: [FeedbackConsumer],
      rpc: [DatasetsGrpc],
    });
    return { module: AppModule, imports: [host, DatasetsModule] };
  }
}
