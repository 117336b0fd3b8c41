// SPDX-License-Identifier: Apache-2.0
import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { Logger, ShutdownSequence } from '#libs/observability';
import { Database } from '#libs/persistence';
import { BlobStore } from '#libs/storage';
import { BaseModels } from '../base-models/base-models';
import { TrainingSettings } from '../config';
import { CompareEvaluationJobs } from '../evaluation-jobs/compare-evaluation-jobs';
import { CreateEvaluationJob } from '../evaluation-jobs/create-evaluation-job';
import { EvaluationJobsGrpc } from '../evaluation-jobs/evaluation-jobs.grpc';
import { EvaluationJobsHttp } from '../evaluation-jobs/evaluation-jobs.http';
import { ChildProcessExecutor } from '../executors/child-process-executor';
import { Executor } from '../executors/executor';
import { PeersModule } from '../peers.module';
import { TrainerCatalog } from '../trainers/trainer-catalog';
import { CancelJob } from './cancel-job';
import { CreateJob } from './create-job';
import { FinishAttempt } from './finish-attempt';
import { JobFolders } from './job-folders';
import { JobRecorder } from './job-recorder';
import { JobScheduler } from './job-scheduler';
import { JobWork } from './job-work';
import { JobsGrpc } from './jobs.grpc';
import { BaseModelsHttp, JobsHttp } from './jobs.http';
import { JobsMetrics } from './jobs.metrics';
import { JobsRepository } from './jobs.repository';
import { JobsTypeorm } from './jobs.typeorm';
import { PrepareAttempt } from './prepare-attempt';
import { ReadJobs } from './read-jobs';
import { ResolveInputs } from './resolve-inputs';
import { RunAttempt } from './run-attempt';
import { RunAttemptPorts } from './run-attempt-ports';
import { StageJobRows } from './stage-job-rows';
import { SweepJobFolders } from './sweep-job-folders';
import { ValidateJob } from './validate-job';
import { WatchJob } from './watch-job';
import { DiskWorkFiles, WorkFiles } from './work-files';

/** Jobs of both kinds: queue, attempts, doors. Fine-tunes and evaluations share everything but their spec and result. */
@Module({
  imports: [PeersModule],
  controllers: [JobsHttp, BaseModelsHttp, EvaluationJobsHttp],
  providers: [
    { provide: JobsRepository, useClass: JobsTypeorm },
    { provide: WorkFiles, useClass: DiskWorkFiles },
    {
      provide: JobFolders,
      useFactory: (settings: TrainingSettings) => new JobFolders(settings.workDir),
      inject: [TrainingSettings],
    },
    {
      provide: TrainerCatalog,
      useFactory: (settings: TrainingSettings) =>
        new TrainerCatalog({ memoryMegabytes: settings.trainerMemoryMegabytes, overrides: settings.trainerCommands }),
      inject: [TrainingSettings],
    },
    {
      provide: Executor,
      useFactory: (settings: TrainingSettings) => new ChildProcessExecutor({ niceness: settings.trainerNiceness }),
      inject: [TrainingSettings],
    },
    {
      provide: BaseModels,
      useFactory: (store: BlobStore, jobs: JobsRepository, database: Database) =>
        new BaseModels(store, (workspace, digest) => jobs.hasMade(database, workspace, digest)),
      inject: [BlobStore, JobsRepository, Database],
    },
    CancelJob,
    CompareEvaluationJobs,
    CreateEvaluationJob,
    CreateJob,
    EvaluationJobsGrpc,
    FinishAttempt,
    JobRecorder,
    JobScheduler,
    JobsGrpc,
    JobsMetrics,
    JobWork,
    PrepareAttempt,
    ReadJobs,
    ResolveInputs,
    RunAttempt,
    RunAttemptPorts,
    StageJobRows,
    SweepJobFolders,
    ValidateJob,
    WatchJob,
  ],
  exports: [CancelJob, CreateEvaluationJob, CreateJob, JobsRepository, JobsGrpc, EvaluationJobsGrpc, TrainerCatalog],
})
export class JobsModule implements OnApplicationBootstrap {
  constructor(
    private readonly scheduler: JobScheduler,
    private readonly sweep: SweepJobFolders,
    private readonly baseModels: BaseModels,
    private readonly settings: TrainingSettings,
    private readonly shutdown: ShutdownSequence,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    // Known before the first job asks; a store that is down now is asked again then.
    this.baseModels.list().then(
      (models) =>
        this.logger.info(
          { baseModels: models.map(({ name, manifestDigest }) => `${name}=${manifestDigest}`) },
          'base models stored',
        ),
      (error: unknown) => this.logger.warn({ err: error }, 'base models not stored yet'),
    );
    if (!this.settings.runConsumers) return;
    this.scheduler.start();
    this.sweep.start();
    this.shutdown.on('stop-intake', 'files of ended jobs', () => this.sweep.stop());
    this.shutdown.on('stop-intake', 'jobs', () => this.scheduler.stopIntake());
    this.shutdown.on('finish-in-flight', 'jobs', () => this.scheduler.drain());
  }
}
