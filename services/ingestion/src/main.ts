// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { IngestionSettings } from './config';

void runService({ service: 'ingestion', settings: IngestionSettings, module: (settings) => AppModule.forRoot(settings) });
