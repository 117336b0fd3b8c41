// SPDX-License-Identifier: Apache-2.0
import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { ShutdownSequence } from '#libs/observability';
import { TrainingSettings } from '../config';
import { JobsModule } from '../jobs/jobs.module';
import { PeersModule } from '../peers.module';
import { CreatePipeline, ReadPipelines, UpdatePipeline } from '../pipelines/manage-pipelines';
import { PipelinesRepository } from '../pipelines/pipelines.repository';
import { PipelinesTypeorm } from '../pipelines/pipelines.typeorm';
import { AnswerProposal } from './answer-proposal';
import { EvaluateRun } from './evaluate-run';
import { CancelPipelineRun, ForcePipelineGate } from './intervene-in-run';
import { PipelineRunDriver } from './pipeline-run-driver';
import { PipelineRunsMetrics } from './pipeline-runs.metrics';
import { PipelineRunsRepository } from './pipeline-runs.repository';
import { PipelineRunsTypeorm } from './pipeline-runs.typeorm';
import { PipelinesGrpc } from './pipelines.grpc';
import { PipelineRunsHttp, PipelinesHttp } from './pipelines.http';
import { PlanTraining } from './plan-training';
import { ProposalsConsumer } from './proposals.consumer';
import { ReadPipelineRuns } from './read-pipeline-runs';
import { RecordRegistryFact } from './record-registry-fact';
import { RegistryEventsConsumer } from './registry-events.consumer';
import { RunStatePublisher } from './run-state-publisher';
import { StartPipelineRun } from './start-pipeline-run';
import { StepRun } from './step-run';

/** Pipelines and their runs. */
@Module({
  imports: [JobsModule, PeersModule],
  controllers: [PipelinesHttp, PipelineRunsHttp],
  providers: [
    { provide: PipelinesRepository, useClass: PipelinesTypeorm },
    { provide: PipelineRunsRepository, useClass: PipelineRunsTypeorm },
    AnswerProposal,
    CancelPipelineRun,
    CreatePipeline,
    EvaluateRun,
    ForcePipelineGate,
    PipelineRunDriver,
    PipelineRunsMetrics,
    PipelinesGrpc,
    PlanTraining,
    ProposalsConsumer,
    ReadPipelineRuns,
    ReadPipelines,
    RecordRegistryFact,
    RegistryEventsConsumer,
    RunStatePublisher,
    StartPipelineRun,
    StepRun,
    UpdatePipeline,
  ],
  exports: [PipelinesGrpc, ProposalsConsumer, RegistryEventsConsumer],
})
export class PipelinesModule implements OnApplicationBootstrap {
  constructor(
    private readonly driver: PipelineRunDriver,
    private readonly settings: TrainingSettings,
    private readonly shutdown: ShutdownSequence,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.settings.runConsumers) return;
    this.driver.start();
    this.shutdown.on('stop-intake', 'pipeline runs', () => this.driver.stop());
  }
}
