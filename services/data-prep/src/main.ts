// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { DataPrepSettings } from './config';

void runService({ service: 'data-prep', settings: DataPrepSettings, module: (settings) => AppModule.forRoot(settings) });
