// SPDX-License-Identifier: Apache-2.0
import { Module, type DynamicModule } from '@nestjs/common';
import { ServiceModule } from '#libs/service-host';
import { MonitoringSettings } from './config';
import { migrations } from './migrations';
import { consumers, MonitoringModule, rpc } from './monitoring.module';

/** Monitoring: the feature module on top of the platform's ports. */
@Module({})
export class AppModule {
  static forRoot(settings: MonitoringSettings): DynamicModule {
    return {
      module: AppModule,
      imports: [ServiceModule.forRoot({ service: 'monitoring', settings, migrations, consumers, rpc }), MonitoringModule],
    };
  }
}
