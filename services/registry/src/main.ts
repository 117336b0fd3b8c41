// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { RegistrySettings } from './config';

void runService({ service: 'registry', settings: RegistrySettings, module: (settings) => AppModule.forRoot(settings) });
