// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { DatasetsModule } from '../datasets/datasets.module';
import { DataPrepMetrics } from './data-prep.metrics';
import { JobQueue } from './job-queue';
import { JobRunner } from './job-runner';
import { JobsRepository } from './jobs.repository';
import { TypeormJobsRepository } from './jobs.typeorm';

/** The queue and its worker. Profiles and recipes register what they do with their jobs. */
@Module({
  imports: [DatasetsModule],
  providers: [{ provide: JobsRepository, useClass: TypeormJobsRepository }, DataPrepMetrics, JobRunner, JobQueue],
  exports: [JobsRepository, JobRunner, JobQueue, DataPrepMetrics, DatasetsModule],
})
export class JobsModule {}
