// SPDX-License-Identifier: Apache-2.0
import { quantiles, RATE, type Panel } from './panel';

/** What each process shows of its own work. */
export const ownPanels: Record<string, Panel[]> = {
  gateway: [
    {
      title: 'Model requests',
      unit: 'reqps',
      lines: [[`sum by (operation, status) (rate($p_requests_total[${RATE}]))`, '{{operation}} {{status}}']],
    },
    { title: 'Time to first byte', unit: 's', lines: quantiles('$p_time_to_first_byte_seconds_bucket') },
    { title: 'Time that the gateway adds', unit: 's', lines: quantiles('$p_overhead_seconds_bucket') },
    { title: 'Tokens', unit: 'short', lines: [[`sum by (type) (rate($p_tokens_total[${RATE}]))`, '{{type}} per second']] },
    {
      title: 'Inference events',
      unit: 'short',
      lines: [
        ['sum($p_inference_events_queued)', 'in memory'],
        [`sum(rate($p_inference_events_flushed_total[${RATE}]))`, 'written per second'],
        [`sum(increase($p_inference_events_recovered_total[${RATE}]))`, 'of killed processes'],
        [`sum by (reason) (increase($p_inference_events_dropped_total[${RATE}]))`, 'lost: {{reason}}'],
      ],
    },
    {
      title: 'Loads and unloads on backends',
      unit: 'short',
      lines: [[`sum by (task, outcome) (increase($p_deployment_tasks_total[${RATE}]))`, '{{task}} {{outcome}}']],
    },
    { title: 'Whole request', unit: 's', lines: quantiles('$p_request_seconds_bucket') },
    { title: 'Model requests in flight', unit: 'short', lines: [['$p_requests_in_flight', '{{instance}}']] },
    { title: 'Routing revision', unit: 'short', lines: [['$p_routing_revision', '{{instance}}']] },
    { title: 'Oldest running rollout', unit: 's', lines: [['max($p_rollout_oldest_running_seconds)', 'age']] },
    {
      title: 'Verdicts on rollouts',
      unit: 'short',
      lines: [[`sum by (decision, effect) (increase($p_rollout_verdicts_total[${RATE}]))`, '{{decision}} {{effect}}']],
    },
  ],
  ingestion: [
    {
      title: 'Rows by outcome',
      unit: 'short',
      lines: [[`sum by (outcome) (rate($p_rows_total[${RATE}]))`, '{{outcome}} per second']],
    },
    { title: 'Kept bytes', unit: 'Bps', lines: [[`sum(rate($p_kept_bytes_total[${RATE}]))`, 'kept']] },
    {
      title: 'Uploads by result',
      unit: 'short',
      lines: [[`sum by (result) (increase($p_uploads_total[${RATE}]))`, '{{result}}']],
    },
  ],
  'data-prep': [
    { title: 'Jobs waiting', unit: 'short', lines: [['max($p_jobs_waiting)', 'waiting']] },
    {
      title: 'Oldest jobs',
      unit: 's',
      lines: [
        ['max($p_jobs_waiting_oldest_seconds)', 'waiting'],
        ['max($p_jobs_running_oldest_seconds)', 'running'],
      ],
    },
    {
      title: 'Jobs by outcome',
      unit: 'short',
      lines: [[`sum by (kind, outcome) (increase($p_job_seconds_count[${RATE}]))`, '{{kind}} {{outcome}}']],
    },
    {
      title: 'Rows of recipe runs',
      unit: 'short',
      lines: [[`sum by (outcome) (rate($p_rows_total[${RATE}]))`, '{{outcome}} per second']],
    },
  ],
  training: [
    { title: 'Open jobs', unit: 'short', lines: [['max by (kind, state) ($p_jobs_open)', '{{kind}} {{state}}']] },
    {
      title: 'Longest time without a sign',
      unit: 's',
      lines: [['max by (kind, state) ($p_jobs_unchanged_seconds)', '{{kind}} {{state}}']],
    },
    {
      title: 'Attempts',
      unit: 'short',
      lines: [[`sum by (kind, outcome) (increase($p_attempts_total[${RATE}]))`, '{{kind}} {{outcome}}']],
    },
    {
      title: 'Open pipeline runs',
      unit: 'short',
      lines: [['max by (state, retrying) ($p_pipeline_runs_open)', '{{state}}, retrying {{retrying}}']],
    },
  ],
  registry: [
    {
      title: 'Versions registered',
      unit: 'short',
      lines: [[`sum by (origin) (increase($p_model_versions_registered_total[${RATE}]))`, '{{origin}}']],
    },
    { title: 'Alias moves', unit: 'short', lines: [[`sum by (cause) (increase($p_alias_moves_total[${RATE}]))`, '{{cause}}']] },
    {
      title: 'Approvals',
      unit: 'short',
      lines: [
        [`sum(increase($p_approvals_requested_total[${RATE}]))`, 'requested'],
        [`sum(increase($p_approvals_expired_total[${RATE}]))`, 'expired'],
      ],
    },
    {
      title: 'Moves refused for evidence',
      unit: 'short',
      lines: [[`sum by (kind) (increase($p_evidence_refusals_total[${RATE}]))`, '{{kind}}']],
    },
    { title: 'Run metrics logged', unit: 'reqps', lines: [[`sum(rate($p_run_metrics_logged_total[${RATE}]))`, 'values']] },
  ],
  monitoring: [
    { title: 'Feedback', unit: 'reqps', lines: [[`sum by (state) (rate($p_feedback_total[${RATE}]))`, '{{state}}']] },
    {
      title: 'Inference events',
      unit: 'reqps',
      lines: [[`sum by (outcome) (rate($p_inferences_total[${RATE}]))`, '{{outcome}}']],
    },
    {
      title: 'Evaluations of monitors',
      unit: 'short',
      lines: [[`sum by (kind, state) (increase($p_monitor_evaluations_total[${RATE}]))`, '{{kind}} {{state}}']],
    },
    {
      title: 'Since the last pass of evaluation',
      unit: 's',
      lines: [['time() - max($p_evaluation_last_pass_timestamp_seconds)', 'age']],
    },
    {
      title: 'Alerts',
      unit: 'short',
      lines: [[`sum by (kind, state) (increase($p_alerts_total[${RATE}]))`, '{{kind}} {{state}}']],
    },
    { title: 'Verdicts', unit: 'short', lines: [[`sum by (outcome) (increase($p_verdicts_total[${RATE}]))`, '{{outcome}}']] },
    {
      title: 'Webhooks',
      unit: 'short',
      lines: [[`sum by (outcome) (increase($p_webhook_deliveries_total[${RATE}]))`, '{{outcome}}']],
    },
    { title: 'One evaluation', unit: 's', lines: quantiles('$p_monitor_evaluation_seconds_bucket') },
    { title: 'Proposals', unit: 'short', lines: [[`sum by (state) (increase($p_proposals_total[${RATE}]))`, '{{state}}']] },
    { title: 'Raters quarantined', unit: 'short', lines: [[`sum(increase($p_raters_quarantined_total[${RATE}]))`, 'raters']] },
  ],
  runtime: [
    { title: 'Generations', unit: 'reqps', lines: [[`sum by (outcome) (rate($p_generations_total[${RATE}]))`, '{{outcome}}']] },
    { title: 'Time to first token', unit: 's', lines: quantiles('$p_time_to_first_token_seconds_bucket') },
    { title: 'Whole generation', unit: 's', lines: quantiles('$p_generation_seconds_bucket') },
    { title: 'Tokens', unit: 'short', lines: [[`sum by (type) (rate($p_tokens_total[${RATE}]))`, '{{type}} per second']] },
    {
      title: 'Models in memory, and those that left it',
      unit: 'short',
      lines: [
        ['$p_models_resident', '{{instance}}'],
        [`increase($p_model_evictions_total[${RATE}])`, '{{instance}} left'],
      ],
    },
    { title: 'Requests that wait for a thread', unit: 'short', lines: [['$p_requests_queued', '{{instance}}']] },
    { title: 'Memory of models', unit: 'bytes', lines: [['$p_model_memory_bytes', '{{instance}}']] },
    { title: 'Threads replaced', unit: 'short', lines: [[`increase($p_thread_restarts_total[${RATE}])`, '{{instance}}']] },
  ],
};
