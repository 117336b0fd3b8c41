// SPDX-License-Identifier: Apache-2.0
import { Module, type DynamicModule } from '@nestjs/common';
import { ProcessModule } from '#libs/service-host';
import { CompletionsModule } from './completions/completions.module';
import type { RuntimeSettings } from './config';
import { ModelsModule } from './models/models.module';

@Module({})
export class AppModule {
  static forRoot(settings: RuntimeSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [ProcessModule.forRoot({ service: 'runtime', settings }), ModelsModule, CompletionsModule],
    };
  }
}
