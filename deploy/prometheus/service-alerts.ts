// SPDX-License-Identifier: Apache-2.0
import type { Alert } from './describe';
import { gateway } from './gateway-alerts';
import { monitoring } from './monitoring-alerts';

const up = (instance: string, value: string) => ({ series: `up{job="millrace",instance="${instance}"}`, values: value });

/** What no service can say about itself. */
export const processAlertsOfAll: Alert[] = [
  {
    name: 'ProcessDown',
    expr: 'up{job="millrace"} == 0',
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.instance }} does not answer',
    description: 'The process is gone, hangs, or cannot be reached from Prometheus.',
    runbook: 'service-trouble',
    fires: [up('a:1', '0x40')],
    quiet: [up('a:1', '1x40')],
  },
  {
    name: 'ProcessRestarts',
    expr: 'changes(process_start_time_seconds{job="millrace"}[30m]) > 3',
    for: '0m',
    severity: 'warning',
    summary: '{{ $labels.instance }} was started {{ $value }} times in half an hour',
    description: 'It ends again and again: its log says why (settings exit with 78).',
    runbook: 'service-trouble',
    fires: [{ series: 'process_start_time_seconds{job="millrace",instance="a:1"}', values: '1000+60x40' }],
    quiet: [{ series: 'process_start_time_seconds{job="millrace",instance="a:1"}', values: '1000x20 2000x20' }],
  },
  {
    name: 'HeapLarge',
    expr: 'nodejs_heap_size_used_bytes{job="millrace"} > 1.5e9',
    for: '10m',
    severity: 'warning',
    summary: '{{ $labels.instance }} holds {{ $value | humanize1024 }}B of objects',
    description: 'Node ends the process near its heap limit (2 to 4 GiB). Memory that only grows is a leak.',
    runbook: 'service-trouble',
    fires: [{ series: 'nodejs_heap_size_used_bytes{job="millrace",instance="a:1"}', values: '1.8e9x40' }],
    quiet: [{ series: 'nodejs_heap_size_used_bytes{job="millrace",instance="a:1"}', values: '1.8e9x8 3e8x32' }],
  },
];

const ingestion: Alert[] = [
  {
    name: 'RowsQuarantined',
    expr: 'sum(increase($p_rows_total{outcome!="kept"}[1h])) / sum(increase($p_rows_total[1h])) > 0.2',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the rows of the last hour are in quarantine',
    description: 'A source changed its format, or sends rubbish. Each row is listed with its line and reason.',
    runbook: 'stuck-work',
    fires: [
      { series: '$p_rows_total{outcome="kept"}', values: '0+50x80' },
      { series: '$p_rows_total{outcome="invalid_json"}', values: '0+50x80' },
    ],
    quiet: [
      { series: '$p_rows_total{outcome="kept"}', values: '0+95x80' },
      { series: '$p_rows_total{outcome="invalid_json"}', values: '0+5x80' },
    ],
    atMinutes: 70,
  },
  {
    name: 'UploadsRefused',
    expr: 'sum(increase($p_uploads_total{result!="committed"}[30m])) > 10',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value }} uploads were refused or broken off in half an hour',
    description: 'The label result has the code of each refusal.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_uploads_total{result="INGESTION.UPLOAD_INCOMPLETE"}', values: '_x20 0 12x20' }],
    quiet: [{ series: '$p_uploads_total{result="committed"}', values: '0+9x40' }],
  },
];

const dataPrep: Alert[] = [
  {
    name: 'JobsWait',
    expr: 'max($p_jobs_waiting_oldest_seconds) > 900',
    for: '2m',
    severity: 'warning',
    summary: 'A profile or recipe run waits for {{ $value | humanizeDuration }} for a worker',
    description: 'All workers are busy, or none runs.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_jobs_waiting_oldest_seconds', values: '0+60x40' }],
    quiet: [{ series: '$p_jobs_waiting_oldest_seconds', values: '60x40' }],
  },
  {
    name: 'JobsHang',
    expr: 'max by (instance) ($p_jobs_running_oldest_seconds) > 3600',
    for: '5m',
    severity: 'warning',
    summary: 'A job runs on {{ $labels.instance }} for {{ $value | humanizeDuration }}',
    description: 'A gigabyte takes minutes: it hangs. After JOB_SECONDS_MAX it is interrupted and its job tried again.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_jobs_running_oldest_seconds{instance="a:1"}', values: '3000+60x40' }],
    quiet: [{ series: '$p_jobs_running_oldest_seconds{instance="a:1"}', values: '600x40' }],
  },
  {
    name: 'JobsFail',
    expr: 'sum by (kind) (increase($p_job_seconds_count{outcome=~"failed|lost"}[30m])) > 3',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value }} jobs of kind {{ $labels.kind }} failed in half an hour',
    description: 'Each says its code; lost means that its worker died.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_job_seconds_count{kind="profile",outcome="failed"}', values: '_x20 0 5x20' }],
    quiet: [{ series: '$p_job_seconds_count{kind="profile",outcome="succeeded"}', values: '0+5x40' }],
  },
];

const training: Alert[] = [
  {
    name: 'JobStuck',
    expr: 'max by (kind, state) ($p_jobs_unchanged_seconds) > 1800',
    for: '5m',
    severity: 'critical',
    summary: 'A {{ $labels.kind }} job stays {{ $labels.state }} for {{ $value | humanizeDuration }} without a sign',
    description: 'Its trainer hangs, its executor lost it, or nothing takes it from the queue.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_jobs_unchanged_seconds{kind="fine-tune",state="running"}', values: '0+120x40' }],
    quiet: [{ series: '$p_jobs_unchanged_seconds{kind="fine-tune",state="running"}', values: '30x40' }],
  },
  {
    name: 'AttemptsFail',
    expr: 'sum by (kind) (increase($p_attempts_total{outcome=~"failed|retried"}[1h])) > 3',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value }} attempts of {{ $labels.kind }} jobs failed in an hour',
    description: 'The job says the class of each failure.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_attempts_total{kind="fine-tune",outcome="retried"}', values: '_x20 0 5x20' }],
    quiet: [{ series: '$p_attempts_total{kind="fine-tune",outcome="succeeded"}', values: '0+1x40' }],
  },
  {
    name: 'SchedulerFails',
    expr: 'increase($p_scheduler_failures_total[10m]) > 5',
    for: '0m',
    severity: 'warning',
    summary: 'The scheduler of {{ $labels.instance }} failed {{ $value }} times in ten minutes',
    description: 'No job starts while it fails; usually the database is away.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_scheduler_failures_total{instance="a:1"}', values: '0+2x40' }],
    quiet: [{ series: '$p_scheduler_failures_total{instance="a:1"}', values: '9x40' }],
  },
  {
    name: 'PipelineRunsRetry',
    expr: 'max(sum by (instance) ($p_pipeline_runs_open{retrying="true"})) > 0',
    for: '30m',
    severity: 'warning',
    summary: '{{ $value }} pipeline runs try the same step again and again',
    description: 'A service that the step needs refuses or is away; the run goes on by itself when it answers.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_pipeline_runs_open{state="running",retrying="true",instance="a:1"}', values: '1x80' }],
    quiet: [{ series: '$p_pipeline_runs_open{state="running",retrying="true",instance="a:1"}', values: '1x20 0x60' }],
    atMinutes: 45,
  },
];

const registry: Alert[] = [
  {
    name: 'ApprovalsExpire',
    expr: 'increase($p_approvals_expired_total[1d]) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value }} approvals expired undecided within a day',
    description: 'Versions wait for people who do not look.',
    runbook: 'stuck-work',
    fires: [{ series: '$p_approvals_expired_total', values: '0x10 1x30' }],
    quiet: [{ series: '$p_approvals_expired_total', values: '3x40' }],
  },
];

const runtime: Alert[] = [
  {
    name: 'GenerationsFail',
    expr: 'sum(rate($p_generations_total{outcome="failed"}[5m])) / sum(rate($p_generations_total[5m])) > 0.05',
    for: '3m',
    severity: 'critical',
    summary: '{{ $value | humanizePercentage }} of generations fail',
    description: 'A thread dies or a model is broken; the log has the model and the error of each.',
    runbook: 'service-trouble',
    fires: [
      { series: '$p_generations_total{outcome="stop"}', values: '0+9x40' },
      { series: '$p_generations_total{outcome="failed"}', values: '0+1x40' },
    ],
    quiet: [
      { series: '$p_generations_total{outcome="stop"}', values: '0+90x40' },
      { series: '$p_generations_total{outcome="failed"}', values: '0+1x40' },
      { series: '$p_generations_total{outcome="refused"}', values: '0+40x40' },
    ],
  },
  {
    name: 'ModelsThrash',
    expr: 'increase($p_model_evictions_total[10m]) > 20',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.instance }} put {{ $value }} models out of memory in ten minutes',
    description: 'More models are in use than fit: each request may wait for one to be read again.',
    runbook: 'service-trouble',
    fires: [{ series: '$p_model_evictions_total{instance="a:1"}', values: '0+5x40' }],
    quiet: [{ series: '$p_model_evictions_total{instance="a:1"}', values: '0+1x40' }],
  },
  {
    name: 'QueueLong',
    expr: 'min_over_time($p_requests_queued[2m]) > 8',
    for: '3m',
    severity: 'warning',
    summary: '{{ $value }} requests wait for a thread on {{ $labels.instance }}',
    description: 'Past its bound the runtime answers 429: more processes or threads are needed.',
    runbook: 'service-trouble',
    fires: [{ series: '$p_requests_queued{instance="a:1"}', values: '12x40' }],
    quiet: [{ series: '$p_requests_queued{instance="a:1"}', values: '12x2 0x38' }],
  },
  {
    name: 'ThreadsDie',
    expr: 'increase($p_thread_restarts_total[30m]) > 1',
    for: '0m',
    severity: 'critical',
    summary: '{{ $value }} generation threads of {{ $labels.instance }} died in half an hour',
    description: 'Each took a request with it; memory is the usual cause.',
    runbook: 'service-trouble',
    fires: [{ series: '$p_thread_restarts_total{instance="a:1"}', values: '0x10 0+1x30' }],
    quiet: [{ series: '$p_thread_restarts_total{instance="a:1"}', values: '4x40' }],
  },
  {
    name: 'ModelLoadsFail',
    expr: 'sum(increase($p_model_loads_total{outcome="failed"}[15m])) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $value }} models could not be read from storage',
    description: 'The storage is away, or a file was altered: the answer of the load names it.',
    runbook: 'disk-full',
    fires: [{ series: '$p_model_loads_total{outcome="failed"}', values: '_x20 0 1x20' }],
    quiet: [{ series: '$p_model_loads_total{outcome="loaded"}', values: '0x20 1x20' }],
  },
];

/** Alerts on a service's own figures. */
export const ownAlerts: Record<string, Alert[]> = {
  gateway,
  ingestion,
  'data-prep': dataPrep,
  training,
  registry,
  monitoring,
  runtime,
};
