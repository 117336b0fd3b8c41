// SPDX-License-Identifier: Apache-2.0
import type { Ids } from '#libs/clock';
import { OutboxPublisher } from '#libs/messaging';
import { PgDatabase, PgIdempotency, PgUnitOfWork } from '#libs/persistence';
import type { BaseModels } from '../../services/training/src/base-models/base-models';
import type { TrainingSettings } from '../../services/training/src/config';
import type { DatasetReader } from '../../services/training/src/datasets/dataset-reader';
import { CreateEvaluationJob } from '../../services/training/src/evaluation-jobs/create-evaluation-job';
import { CancelJob } from '../../services/training/src/jobs/cancel-job';
import { CreateJob } from '../../services/training/src/jobs/create-job';
import { FinishAttempt } from '../../services/training/src/jobs/finish-attempt';
import { JobFolders } from '../../services/training/src/jobs/job-folders';
import { JobRecorder } from '../../services/training/src/jobs/job-recorder';
import { JobScheduler } from '../../services/training/src/jobs/job-scheduler';
import { JobWork } from '../../services/training/src/jobs/job-work';
import type { JobsMetrics } from '../../services/training/src/jobs/jobs.metrics';
import { JobsTypeorm } from '../../services/training/src/jobs/jobs.typeorm';
import { PrepareAttempt } from '../../services/training/src/jobs/prepare-attempt';
import { ResolveInputs } from '../../services/training/src/jobs/resolve-inputs';
import { RunAttempt } from '../../services/training/src/jobs/run-attempt';
import { RunAttemptPorts } from '../../services/training/src/jobs/run-attempt-ports';
import type { StageJobRows } from '../../services/training/src/jobs/stage-job-rows';
import { ValidateJob } from '../../services/training/src/jobs/validate-job';
import { EvaluateRun } from '../../services/training/src/pipeline-runs/evaluate-run';
import { CancelPipelineRun } from '../../services/training/src/pipeline-runs/intervene-in-run';
import type { RunFacts } from '../../services/training/src/pipeline-runs/pipeline-run';
import { PipelineRunDriver } from '../../services/training/src/pipeline-runs/pipeline-run-driver';
import { PipelineRunsTypeorm } from '../../services/training/src/pipeline-runs/pipeline-runs.typeorm';
import { PlanTraining } from '../../services/training/src/pipeline-runs/plan-training';
import { RecordRegistryFact } from '../../services/training/src/pipeline-runs/record-registry-fact';
import { RunStatePublisher } from '../../services/training/src/pipeline-runs/run-state-publisher';
import { StartPipelineRun } from '../../services/training/src/pipeline-runs/start-pipeline-run';
import { StepRun } from '../../services/training/src/pipeline-runs/step-run';
import { PipelinesTypeorm } from '../../services/training/src/pipelines/pipelines.typeorm';
import { TrainerCatalog } from '../../services/training/src/trainers/trainer-catalog';
import type { SimProcess } from './kernel';
import { nothing, silentFigures, silentLogger } from './silent';
import { SimConnections } from './sim-driver';
import { sha256, type SimHost } from './sim-host';
import { SimModelRegistry, type SimRegistry } from './sim-registry';
import { SimExecutor, SimStageRows, SimWorkFiles } from './sim-work';
import type { SimPostgres } from './sql/server';

export const WORKSPACE = 'w';

const settings = {
  jobsRunningMax: 2,
  jobsValidatingMax: 2,
  attemptsMax: 3,
  attemptBackoffSeconds: 2,
  attemptBackoffSecondsMax: 60,
  leaseSeconds: 5,
  pollMilliseconds: 4_000,
  progressMilliseconds: 3_000,
  trainerStopSeconds: 3,
  evidenceWaitSeconds: 120,
} as TrainingSettings;

/** Each dataset has one version, of the same rows. */
const datasets = {
  getVersion: async (_workspace: string, id: string) => ({ id, datasetName: id, version: 1, contentDigest: sha256(id), rows: 1 }),
} as unknown as DatasetReader;

/** Every model that is asked for is there. */
const baseModels = {
  resolve: async (_workspace: string, name: string) => ({ name, digest: sha256(name) }),
  resolveDigest: async (digest: string) => ({ name: '', digest }),
} as unknown as BaseModels;

const trainers = new TrainerCatalog({ memoryMegabytes: 1, overrides: '' });

/** One replica of training: its jobs, its pipelines, and their doors. */
export class TrainingReplica {
  readonly unitOfWork: PgUnitOfWork;
  readonly createJob: CreateJob;
  readonly cancelJob: CancelJob;
  readonly startRun: StartPipelineRun;
  readonly cancelRun: CancelPipelineRun;
  readonly recordFact: RecordRegistryFact;
  private readonly scheduler: JobScheduler;
  private readonly driver: PipelineRunDriver;

  constructor(
    readonly process: SimProcess,
    db: SimPostgres,
    host: SimHost,
    registry: SimRegistry,
  ) {
    const { clock, kernel } = process;
    const ids = process.ids();
    const connections = new SimConnections(process, db);
    const database = new PgDatabase(connections);
    const unitOfWork = new PgUnitOfWork(connections, clock, nothing, kernel.random);
    const idempotency = new PgIdempotency();
    const jobs = new JobsTypeorm();
    const publisher = new OutboxPublisher({ service: 'training', build: 'sim', clock, ids, wake: nothing });
    const recorder = new JobRecorder(jobs, publisher, clock);
    const metrics = silentFigures as JobsMetrics;
    const work = this.workOn({ process, host, jobs, recorder, unitOfWork, metrics });
    this.unitOfWork = unitOfWork;
    this.scheduler = new JobScheduler(database, unitOfWork, clock, silentLogger, settings, jobs, metrics, work);
    const resolve = new ResolveInputs(datasets);
    const create = [resolve, jobs, unitOfWork, idempotency, ids, this.scheduler] as const;
    this.createJob = new CreateJob(trainers, baseModels, ...create);
    this.cancelJob = new CancelJob(jobs, recorder, unitOfWork, idempotency);
    const runs = new PipelineRunsTypeorm();
    const states = new RunStatePublisher(publisher);
    const models = new SimModelRegistry(process, registry);
    const evaluate = new EvaluateRun(models, new CreateEvaluationJob(baseModels, ...create), jobs, database);
    const step = new StepRun(new PlanTraining(datasets), this.createJob, evaluate, models, jobs, database, settings);
    this.driver = new PipelineRunDriver(runs, step, states, database, unitOfWork, clock, silentLogger, settings);
    this.startRun = this.doorOf(runs, states, idempotency, ids);
    this.cancelRun = new CancelPipelineRun(runs, jobs, this.cancelJob, states, unitOfWork, idempotency);
    this.recordFact = new RecordRegistryFact(runs, this.driver);
  }

  start(): void {
    this.scheduler.start();
    this.driver.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.driver.stop(), this.scheduler.stopIntake()]);
    await this.scheduler.drain();
  }

  tell(runId: string, facts: RunFacts): Promise<void> {
    return this.unitOfWork.run((tx) => this.recordFact.execute(tx, WORKSPACE, runId, facts));
  }

  private doorOf(runs: PipelineRunsTypeorm, states: RunStatePublisher, idempotency: PgIdempotency, ids: Ids): StartPipelineRun {
    const { unitOfWork, driver } = this;
    return new StartPipelineRun(new PipelinesTypeorm(), runs, states, trainers, unitOfWork, idempotency, ids, driver);
  }

  private workOn(parts: {
    process: SimProcess;
    host: SimHost;
    jobs: JobsTypeorm;
    recorder: JobRecorder;
    unitOfWork: PgUnitOfWork;
    metrics: JobsMetrics;
  }): JobWork {
    const { process, host, jobs, recorder, unitOfWork, metrics } = parts;
    const { clock } = process;
    const folders = new JobFolders('/work');
    const files = new SimWorkFiles(process, host);
    const stage = new SimStageRows(process, host, folders) as unknown as StageJobRows;
    const executor = new SimExecutor(process, host);
    const ports = new RunAttemptPorts(executor, jobs, recorder, unitOfWork, clock, silentLogger, files);
    const prepare = new PrepareAttempt(files, stage, folders);
    const finish = new FinishAttempt(files, folders, jobs, recorder, unitOfWork, settings, metrics);
    const attempt = new RunAttempt(ports, prepare, finish, folders, trainers, settings);
    const validate = new ValidateJob(stage, folders, files, recorder, unitOfWork);
    return new JobWork(validate, attempt, finish, recorder, jobs, unitOfWork);
  }
}
