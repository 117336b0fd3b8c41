// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Metrics } from '#libs/observability';
import { loopTasks } from './evaluation/loop-task';

/** Every metric of the service, declared once. */
@Injectable()
export class MonitoringMetrics {
  readonly feedback;
  readonly inferences;
  readonly monitorEvaluations;
  readonly monitorEvaluationSeconds;
  readonly alerts;
  readonly verdicts;
  readonly ratersQuarantined;
  readonly proposals;
  readonly webhookDeliveries;
  readonly loopErrors;
  readonly loopHeartbeat;

  constructor(metrics: Metrics) {
    this.feedback = metrics.counter({
      name: 'feedback_total',
      help: 'Feedback by what became of it: accepted, unmatched, capped, rejected, retracted, duplicate, dead_lettered.',
      labelValues: { state: ['accepted', 'unmatched', 'capped', 'rejected', 'retracted', 'duplicate', 'dead_lettered'] },
    });
    this.inferences = metrics.counter({
      name: 'inferences_total',
      help: 'Inference events by novelty.',
      labelValues: { outcome: ['new', 'duplicate'] },
    });
    this.monitorEvaluations = metrics.counter({
      name: 'monitor_evaluations_total',
      help: 'Evaluations of monitors by kind and resulting state.',
      labelNames: ['kind', 'state'],
    });
    this.monitorEvaluationSeconds = metrics.histogram({
      name: 'monitor_evaluation_seconds',
      help: 'Seconds that one evaluation of a monitor took.',
      labelNames: ['kind'],
    });
    this.alerts = metrics.counter({ name: 'alerts_total', help: 'Alerts fired and resolved.', labelNames: ['kind', 'state'] });
    this.verdicts = metrics.counter({
      name: 'verdicts_total',
      help: 'Verdicts on rollouts.',
      labelValues: { outcome: ['promote', 'rollback', 'hold'] },
    });
    this.ratersQuarantined = metrics.counter({ name: 'raters_quarantined_total', help: 'Raters put into quarantine.' });
    this.proposals = metrics.counter({ name: 'proposals_total', help: 'Retraining proposals by state.', labelNames: ['state'] });
    this.webhookDeliveries = metrics.counter({
      name: 'webhook_deliveries_total',
      help: 'Webhook calls by outcome: delivered, retried, failed.',
      labelValues: { outcome: ['delivered', 'retried', 'failed'] },
    });
    this.loopErrors = metrics.counter({
      name: 'evaluation_errors_total',
      help: 'Evaluation passes and webhook deliveries that failed on our side; they are tried again.',
      labelValues: { task: [...loopTasks, 'deliver-webhooks'] },
    });
    this.loopHeartbeat = metrics.gauge({
      name: 'evaluation_last_pass_timestamp_seconds',
      help: 'When the evaluation loop last finished a pass.',
    });
  }
}
