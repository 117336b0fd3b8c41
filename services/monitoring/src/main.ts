// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { MonitoringSettings } from './config';

void runService({ service: 'monitoring', settings: MonitoringSettings, module: (settings) => AppModule.forRoot(settings) });
