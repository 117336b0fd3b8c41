// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { AliasesHttp } from './aliases/aliases.http';
import { AliasesRepository } from './aliases/aliases.repository';
import { AliasesTypeorm } from './aliases/aliases.typeorm';
import { CarryAliases } from './aliases/carry-aliases';
import { DeleteAlias } from './aliases/delete-alias';
import { MoveAlias } from './aliases/move-alias';
import { ReadAliases } from './aliases/read-aliases';
import { SetAlias } from './aliases/set-alias';
import { SetAliasPolicy } from './aliases/set-alias-policy';
import { ApprovalSweeper } from './approvals/approval-sweeper';
import { ApprovalsHttp } from './approvals/approvals.http';
import { ApprovalsRepository } from './approvals/approvals.repository';
import { ApprovalsTypeorm } from './approvals/approvals.typeorm';
import { CheckAliasPolicy } from './approvals/check-alias-policy';
import { CloseApprovals } from './approvals/close-approvals';
import { DecideApproval } from './approvals/decide-approval';
import { ExpireApprovals } from './approvals/expire-approvals';
import { FindApprovals } from './approvals/find-approvals';
import { OpenApproval } from './approvals/open-approval';
import { RequestAliasMove } from './approvals/request-alias-move';
import { AuditHttp } from './audit/audit.http';
import { AuditLog } from './audit/audit.repository';
import { AuditTypeorm } from './audit/audit.typeorm';
import { ListAudit } from './audit/list-audit';
import { VerifyAudit } from './audit/verify-audit';
import { EvaluationsRepository } from './evaluations/evaluations.repository';
import { EvaluationsTypeorm } from './evaluations/evaluations.typeorm';
import { ChangeExperiment } from './experiments/change-experiment';
import { CreateExperiment } from './experiments/create-experiment';
import { ExperimentsGrpc } from './experiments/experiments.grpc';
import { ExperimentsRepository } from './experiments/experiments.repository';
import { ExperimentsTypeorm } from './experiments/experiments.typeorm';
import { FindExperiments } from './experiments/find-experiments';
import { MlflowExperimentsHttp } from './mlflow/experiments.http';
import { MlflowMetricsHttp } from './mlflow/metrics.http';
import { MlflowModelVersionsHttp } from './mlflow/model-versions.http';
import { MlflowRegisteredModelsHttp } from './mlflow/registered-models.http';
import { MlflowRunsHttp } from './mlflow/runs.http';
import { MlflowServerInfoHttp } from './mlflow/server-info.http';
import { BrowseModels } from './models/browse-models';
import { ChangeModelVersion } from './models/change-model-version';
import { ChangeRegisteredModel } from './models/change-registered-model';
import { CreateRegisteredModel } from './models/create-registered-model';
import { FindModels } from './models/find-models';
import { FindVersions } from './models/find-versions';
import { ModelsGrpc } from './models/models.grpc';
import { ModelsHttp } from './models/models.http';
import { ModelsRepository, VersionsRepository } from './models/models.repository';
import { ModelsTypeorm } from './models/models.typeorm';
import { RegisterModelVersion } from './models/register-model-version';
import { ResolveSource } from './models/resolve-source';
import { VersionsTypeorm } from './models/versions.typeorm';
import { PagesHttp } from './pages/pages.http';
import { RegistryMetrics } from './registry.metrics';
import { RollBackAlias } from './rollouts/roll-back-alias';
import { RolloutsConsumer } from './rollouts/rollouts.consumer';
import { ChangeRun } from './runs/change-run';
import { CreateRun } from './runs/create-run';
import { FindRuns } from './runs/find-runs';
import { LogToRun } from './runs/log-to-run';
import { RunsRepository } from './runs/runs.repository';
import { RunsTypeorm } from './runs/runs.typeorm';
import { LiveRuns } from './training-results/live-runs';
import { RecordEvaluation } from './training-results/record-evaluation';
import { RecordJobProgress } from './training-results/record-job-progress';
import { RecordTrainingResult } from './training-results/record-training-result';
import { TrainingResultsConsumer } from './training-results/training-results.consumer';
import { CreateWorkspace } from './workspaces/create-workspace';
import { WorkspacesHttp } from './workspaces/workspaces.http';

const stores = [
  { provide: AuditLog, useClass: AuditTypeorm },
  { provide: ExperimentsRepository, useClass: ExperimentsTypeorm },
  { provide: RunsRepository, useClass: RunsTypeorm },
  { provide: ModelsRepository, useClass: ModelsTypeorm },
  { provide: VersionsRepository, useClass: VersionsTypeorm },
  { provide: AliasesRepository, useClass: AliasesTypeorm },
  { provide: ApprovalsRepository, useClass: ApprovalsTypeorm },
  { provide: EvaluationsRepository, useClass: EvaluationsTypeorm },
];

const tracking = [CreateExperiment, ChangeExperiment, FindExperiments, CreateRun, ChangeRun, LogToRun, FindRuns];
const models = [
  CreateRegisteredModel,
  ChangeRegisteredModel,
  FindModels,
  RegisterModelVersion,
  ResolveSource,
  ChangeModelVersion,
  FindVersions,
  BrowseModels,
];
const aliases = [MoveAlias, SetAlias, DeleteAlias, CarryAliases, SetAliasPolicy, ReadAliases];
const approvals = [
  RequestAliasMove,
  OpenApproval,
  CheckAliasPolicy,
  DecideApproval,
  CloseApprovals,
  ExpireApprovals,
  FindApprovals,
  ApprovalSweeper,
];
const reactions = [LiveRuns, RecordJobProgress, RecordTrainingResult, RecordEvaluation, RollBackAlias];

/**
 * Wiring of the registry. One module: experiments, models, aliases and approvals change in common transactions, so their use
 * cases need each other's stores.
 */
@Module({
  controllers: [
    MlflowServerInfoHttp,
    MlflowExperimentsHttp,
    MlflowRunsHttp,
    MlflowMetricsHttp,
    MlflowRegisteredModelsHttp,
    MlflowModelVersionsHttp,
    ModelsHttp,
    AliasesHttp,
    ApprovalsHttp,
    AuditHttp,
    WorkspacesHttp,
    PagesHttp,
  ],
  providers: [
    ...stores,
    ...tracking,
    ...models,
    ...aliases,
    ...approvals,
    ...reactions,
    RegistryMetrics,
    ListAudit,
    VerifyAudit,
    CreateWorkspace,
    ModelsGrpc,
    ExperimentsGrpc,
    TrainingResultsConsumer,
    RolloutsConsumer,
  ],
})
export class RegistryModule {}
