// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { GatewaySettings } from './config';

void runService({ service: 'gateway', settings: GatewaySettings, module: (settings) => AppModule.forRoot(settings) });
