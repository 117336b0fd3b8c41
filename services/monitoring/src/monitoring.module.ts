// SPDX-License-Identifier: Apache-2.0
import { Module } from '@nestjs/common';
import { AlertsHttp } from './alerts/alerts.http';
import { AlertsRepository } from './alerts/alerts.repository';
import { TypeormAlerts } from './alerts/alerts.typeorm';
import { FireAlert } from './alerts/fire-alert';
import { ResolveAlert } from './alerts/resolve-alert';
import { DueWorkRepository } from './evaluation/due-work.repository';
import { TypeormDueWork } from './evaluation/due-work.typeorm';
import { DueRows } from './evaluation/due-rows';
import { EvaluationLoop } from './evaluation/evaluation-loop';
import { FindDueWork } from './evaluation/find-due-work';
import { LoopTasks } from './evaluation/loop-tasks';
import { AcceptFeedback } from './feedback/accept-feedback';
import { FeedbackConsumer } from './feedback/feedback.consumer';
import { FeedbackGrpc } from './feedback/feedback.grpc';
import { FeedbackHttp } from './feedback/feedback.http';
import { FeedbackRepository } from './feedback/feedback.repository';
import { TypeormFeedback } from './feedback/feedback.typeorm';
import { JoinLateFeedback } from './feedback/join-late-feedback';
import { SubmitFeedback } from './feedback/submit-feedback';
import { SubmitFeedbackBatch } from './feedback/submit-feedback-batch';
import { InferencesConsumer } from './inferences/inferences.consumer';
import { InferencesHttp } from './inferences/inferences.http';
import { InferencesRepository } from './inferences/inferences.repository';
import { TypeormInferences } from './inferences/inferences.typeorm';
import { RecordInferences } from './inferences/record-inferences';
import { MonitoringMetrics } from './monitoring.metrics';
import { ChangeMonitor } from './monitors/change-monitor';
import { CreateMonitor } from './monitors/create-monitor';
import { EvaluateDrift } from './monitors/evaluate-drift';
import { EvaluateMonitors } from './monitors/evaluate-monitors';
import { EvaluateQuality } from './monitors/evaluate-quality';
import { MonitorsGrpc } from './monitors/monitors.grpc';
import { MonitorsHttp } from './monitors/monitors.http';
import { MonitorsRepository } from './monitors/monitors.repository';
import { TypeormMonitors } from './monitors/monitors.typeorm';
import { ResetMonitor } from './monitors/reset-monitor';
import { AliasesConsumer } from './proposals/aliases.consumer';
import { PipelineRunsConsumer } from './proposals/pipeline-runs.consumer';
import { ProposalsGrpc } from './proposals/proposals.grpc';
import { ProposalsHttp } from './proposals/proposals.http';
import { ProposalsRepository } from './proposals/proposals.repository';
import { TypeormProposals } from './proposals/proposals.typeorm';
import { ProposalInfrastructure } from './proposals/proposal-infrastructure';
import { ProposeRetraining } from './proposals/propose-retraining';
import { ResolveProposal } from './proposals/resolve-proposal';
import { RatersHttp } from './raters/raters.http';
import { RatersRepository } from './raters/raters.repository';
import { TypeormRaters } from './raters/raters.typeorm';
import { ReleaseRater } from './raters/release-rater';
import { ReviewRaters } from './raters/review-raters';
import { HistoryRepository } from './retention/history.repository';
import { TypeormHistory } from './retention/history.typeorm';
import { PruneHistory } from './retention/prune-history';
import { FollowRollouts } from './rollouts/follow-rollouts';
import { JudgeRollouts } from './rollouts/judge-rollouts';
import { RecomputeVerdict } from './rollouts/recompute-verdict';
import { RolloutsConsumer } from './rollouts/rollouts.consumer';
import { RolloutsGrpc } from './rollouts/rollouts.grpc';
import { RolloutsHttp } from './rollouts/rollouts.http';
import { RolloutsRepository } from './rollouts/rollouts.repository';
import { TypeormRollouts } from './rollouts/rollouts.typeorm';
import { CreateWebhook } from './webhooks/create-webhook';
import { DeliverWebhooks } from './webhooks/deliver-webhooks';
import { DeliveryLoop } from './webhooks/delivery-loop';
import { EnqueueDeliveries } from './webhooks/enqueue-deliveries';
import { OutboundWebhookSender } from './webhooks/outbound-webhook-sender';
import { WebhookCalls } from './webhooks/webhook-calls';
import { WebhookSender } from './webhooks/webhook-sender';
import { WebhooksHttp } from './webhooks/webhooks.http';
import { WebhooksRepository } from './webhooks/webhooks.repository';
import { TypeormWebhooks } from './webhooks/webhooks.typeorm';

/** What reads topics. */
export const consumers = [FeedbackConsumer, InferencesConsumer, RolloutsConsumer, PipelineRunsConsumer, AliasesConsumer];
/** What answers gRPC. */
export const rpc = [FeedbackGrpc, MonitorsGrpc, RolloutsGrpc, ProposalsGrpc];

/**
 * One module for all nouns: feedback, raters, monitors, alerts, rollouts and proposals read each other's stores in one
 * transaction, so there is no boundary that separate modules would guard.
 */
@Module({
  controllers: [FeedbackHttp, RatersHttp, InferencesHttp, MonitorsHttp, AlertsHttp, WebhooksHttp, RolloutsHttp, ProposalsHttp],
  providers: [
    ...consumers,
    ...rpc,
    MonitoringMetrics,
    { provide: AlertsRepository, useClass: TypeormAlerts },
    { provide: DueWorkRepository, useClass: TypeormDueWork },
    { provide: FeedbackRepository, useClass: TypeormFeedback },
    { provide: HistoryRepository, useClass: TypeormHistory },
    { provide: InferencesRepository, useClass: TypeormInferences },
    { provide: MonitorsRepository, useClass: TypeormMonitors },
    { provide: ProposalsRepository, useClass: TypeormProposals },
    { provide: RatersRepository, useClass: TypeormRaters },
    { provide: RolloutsRepository, useClass: TypeormRollouts },
    { provide: WebhooksRepository, useClass: TypeormWebhooks },
    { provide: WebhookSender, useClass: OutboundWebhookSender },
    AcceptFeedback,
    ChangeMonitor,
    CreateMonitor,
    CreateWebhook,
    DeliverWebhooks,
    DeliveryLoop,
    DueRows,
    EnqueueDeliveries,
    EvaluateDrift,
    EvaluateMonitors,
    EvaluateQuality,
    EvaluationLoop,
    FindDueWork,
    FireAlert,
    FollowRollouts,
    JoinLateFeedback,
    JudgeRollouts,
    LoopTasks,
    ProposalInfrastructure,
    ProposeRetraining,
    PruneHistory,
    RecomputeVerdict,
    RecordInferences,
    ReleaseRater,
    ResetMonitor,
    ResolveAlert,
    ResolveProposal,
    ReviewRaters,
    SubmitFeedback,
    SubmitFeedbackBatch,
    WebhookCalls,
  ],
})
export class MonitoringModule {}
