// SPDX-License-Identifier: Apache-2.0
import { runService } from '#libs/service-host';
import { AppModule } from './app.module';
import { TrainingSettings } from './config';

void runService({ service: 'training', settings: TrainingSettings, module: (settings) => AppModule.forRoot(settings) });
