// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { RuntimeSettings } from './config';

void runService({ service: 'runtime', settings: RuntimeSettings, module: (settings) => AppModule.forRoot(settings) });
