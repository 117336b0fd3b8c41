// SPDX-License-Identifier: Apache-2.0
import type { Alert } from './describe';

/** Alerts on the figures of the service that watches models. */
export const monitoring: Alert[] = [
  {
    name: 'EvaluationStalled',
    expr: 'time() - max($p_evaluation_last_pass_timestamp_seconds) > 600',
    for: '1m',
    severity: 'critical',
    summary: 'No monitor was evaluated for {{ $value | humanizeDuration }}',
    description: 'Drift and quality are not watched, and rollouts get no verdict: the loop hangs or fails.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_evaluation_last_pass_timestamp_seconds', values: '60x40' }],
    quiet: [{ series: '$p_evaluation_last_pass_timestamp_seconds', values: '0+60x40' }],
  },
  {
    name: 'EvaluationFails',
    expr: 'sum by (task) (increase($p_evaluation_errors_total[15m])) > 3',
    for: '0m',
    severity: 'warning',
    summary: 'Evaluation ({{ $labels.task }}) failed {{ $value }} times in 15 minutes',
    description: 'It is tried again; until it works its monitors keep their last state.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_evaluation_errors_total{task="evaluate-monitors"}', values: '_x20 0 5x20' }],
    quiet: [{ series: '$p_evaluation_errors_total{task="evaluate-monitors"}', values: '2x40' }],
  },
  {
    name: 'NoInferencesSeen',
    expr: 'sum(rate($p_inferences_total[30m])) == 0 and sum(rate(millrace_gateway_requests_total[30m])) > 0',
    for: '10m',
    severity: 'critical',
    summary: 'Requests are served, but monitoring sees none of them',
    description: 'Drift and verdicts rest on data that does not arrive.',
    runbook: 'consumer-stuck',
    fires: [
      { series: '$p_inferences_total{outcome="new"}', values: '0+10x5 50x75' },
      { series: 'millrace_gateway_requests_total{operation="chat/completions",status="2xx"}', values: '0+10x80' },
    ],
    alsoFires: [
      [
        { series: '$p_inferences_total{outcome="new"}', values: '0x80' },
        { series: 'millrace_gateway_requests_total{operation="chat/completions",status="2xx"}', values: '0+10x80' },
      ],
    ],
    quiet: [
      { series: '$p_inferences_total{outcome="new"}', values: '0+10x5 50x75' },
      { series: 'millrace_gateway_requests_total{operation="chat/completions",status="2xx"}', values: '0+10x5 50x75' },
    ],
    atMinutes: 60,
  },
  {
    name: 'WebhooksFail',
    expr: 'sum(increase($p_webhook_deliveries_total{outcome="failed"}[1h])) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value }} notifications were given up',
    description: 'Somebody was not told of an alert: look at the receiver and at the alerts themselves.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_webhook_deliveries_total{outcome="failed"}', values: '_x20 0 1x20' }],
    quiet: [{ series: '$p_webhook_deliveries_total{outcome="retried"}', values: '0x10 5x30' }],
  },
  {
    name: 'FeedbackUnmatched',
    expr: 'sum(increase($p_feedback_total{state="unmatched"}[1h])) / sum(increase($p_feedback_total[1h])) > 0.5',
    for: '15m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the feedback is about unknown inferences',
    description: 'Inference events are late, or a producer sends wrong ids.',
    runbook: 'consumer-stuck',
    fires: [
      { series: '$p_feedback_total{state="unmatched"}', values: '0+9x80' },
      { series: '$p_feedback_total{state="accepted"}', values: '0+1x80' },
    ],
    quiet: [
      { series: '$p_feedback_total{state="unmatched"}', values: '0+1x80' },
      { series: '$p_feedback_total{state="accepted"}', values: '0+9x80' },
    ],
    atMinutes: 60,
  },
];
