// SPDX-License-Identifier: Apache-2.0
import { type DynamicModule, Module } from '@nestjs/common';
import { ServiceModule } from '#libs/service-host';
import type { TrainingSettings } from './config';
import { EvaluationJobsGrpc } from './evaluation-jobs/evaluation-jobs.grpc';
import { JobsGrpc } from './jobs/jobs.grpc';
import { JobsModule } from './jobs/jobs.module';
import { migrations } from './migrations';
import { PipelinesGrpc } from './pipeline-runs/pipelines.grpc';
import { PipelinesModule } from './pipeline-runs/pipelines.module';
import { ProposalsConsumer } from './pipeline-runs/proposals.consumer';
import { RegistryEventsConsumer } from './pipeline-runs/registry-events.consumer';

@Module({})
export class AppModule {
  static forRoot(settings: TrainingSettings): DynamicModule {
    const host = ServiceModule.forRoot({
      service: 'training',
      settings,
      migrations,
      consumers: [RegistryEventsConsumer, ProposalsConsumer],
      rpc: [JobsGrpc, EvaluationJobsGrpc, PipelinesGrpc],
    });
    return { module: AppModule, imports: [host, JobsModule, PipelinesModule] };
  }
}
