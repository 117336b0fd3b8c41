// SPDX-License-Identifier: Apache-2.0
import { processNames } from '../local/processes';
import { withPrefix } from '../prometheus/describe';

/** One panel: a title, a unit of Grafana, and its lines as [PromQL, legend]. `$p` is the metric prefix of the service. */
export interface Panel {
  title: string;
  unit: 'short' | 's' | 'reqps' | 'percentunit' | 'bytes' | 'Bps';
  lines: [expr: string, legend: string][];
}

export interface Dashboard {
  /** Also the file name. */
  uid: string;
  title: string;
  panels: Panel[];
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const RATE = '$__rate_interval';

const doors = (hasGrpc: boolean): Panel[] => [
  {
    title: 'HTTP requests by status',
    unit: 'reqps',
    lines: [[`sum by (status) (rate($p_http_request_seconds_count[${RATE}]))`, '{{status}}']],
  },
  {
    title: 'HTTP latency',
    unit: 's',
    lines: quantiles('$p_http_request_seconds_bucket{route!~"/health/.*|/metrics"}'),
  },
  ...(hasGrpc
    ? ([
        {
          title: 'gRPC calls by status',
          unit: 'reqps',
          lines: [[`sum by (status) (rate($p_rpc_seconds_count[${RATE}]))`, '{{status}}']],
        },
        { title: 'gRPC latency', unit: 's', lines: quantiles('$p_rpc_seconds_bucket') },
      ] satisfies Panel[])
    : []),
];

const events: Panel[] = [
  { title: 'Consumer lag', unit: 'short', lines: [['max by (consumer) ($p_consumer_lag_events)', '{{consumer}}']] },
  {
    title: 'Events by outcome',
    unit: 'reqps',
    lines: [[`sum by (consumer, outcome) (rate($p_consumer_events_total[${RATE}]))`, '{{consumer}} {{outcome}}']],
  },
  {
    title: 'Outbox',
    unit: 'short',
    lines: [
      ['max($p_outbox_waiting_events)', 'waiting'],
      [`sum(rate($p_outbox_sent_events_total[${RATE}]))`, 'sent per second'],
      ['sum($p_relay_leader_bool)', 'leaders'],
    ],
  },
  {
    title: 'Age of the oldest event in the outbox',
    unit: 's',
    lines: [['max($p_outbox_oldest_age_seconds)', 'age']],
  },
  { title: 'Open dead letters', unit: 'short', lines: [['max by (consumer) ($p_dead_letters_open_events)', '{{consumer}}']] },
  {
    title: 'Positions lost in topics',
    unit: 'short',
    lines: [['sum by (consumer) ($p_consumer_offset_resets_count)', '{{consumer}}']],
  },
  {
    title: 'Handler time',
    unit: 's',
    lines: [[`histogram_quantile(0.95, sum by (le, consumer) (rate($p_handler_seconds_bucket[${RATE}])))`, 'p95 {{consumer}}']],
  },
  { title: 'Database connections', unit: 'short', lines: [['sum by (state) ($p_pool_connections)', '{{state}}']] },
];

const machine: Panel[] = [
  { title: 'Event loop delay, p99', unit: 's', lines: [['$p_event_loop_delay_seconds{quantile="0.99"}', '{{instance}}']] },
];

const own: Record<string, Panel[]> = {
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
        [`sum by (reason) (increase($p_inference_events_dropped_total[${RATE}]))`, 'lost: {{reason}}'],
      ],
    },
    {
      title: 'Loads and unloads on backends',
      unit: 'short',
      lines: [[`sum by (task, outcome) (increase($p_deployment_tasks_total[${RATE}]))`, '{{task}} {{outcome}}']],
    },
    { title: 'Routing revision', unit: 'short', lines: [['$p_routing_revision', '{{instance}}']] },
    { title: 'Oldest running rollout', unit: 's', lines: [['max($p_rollout_oldest_running_seconds)', 'age']] },
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
    { title: 'Oldest waiting job', unit: 's', lines: [['max($p_jobs_waiting_oldest_seconds)', 'age']] },
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
    { title: 'Raters quarantined', unit: 'short', lines: [[`sum(increase($p_raters_quarantined_total[${RATE}]))`, 'raters']] },
  ],
  runtime: [
    { title: 'Generations', unit: 'reqps', lines: [[`sum by (outcome) (rate($p_generations_total[${RATE}]))`, '{{outcome}}']] },
    { title: 'Time to first token', unit: 's', lines: quantiles('$p_time_to_first_token_seconds_bucket') },
    { title: 'Requests that wait for a thread', unit: 'short', lines: [['$p_requests_queued', '{{instance}}']] },
    { title: 'Models in memory', unit: 'bytes', lines: [['$p_model_memory_bytes', '{{instance}}']] },
    { title: 'Threads replaced', unit: 'short', lines: [[`increase($p_thread_restarts_total[${RATE}])`, '{{instance}}']] },
  ],
};

/** One overview, and one dashboard for each process. */
export function dashboards(): Dashboard[] {
  const services = processNames.map((service): Dashboard => {
    const hasDatabase = service !== 'runtime';
    const panels = [...(own[service] ?? []), ...doors(hasDatabase), ...(hasDatabase ? events : []), ...machine];
    return { uid: `millrace-${service}`, title: `Millrace: ${service}`, panels: panels.map((panel) => prefixed(panel, service)) };
  });
  return [{ uid: 'millrace-platform', title: 'Millrace: platform', panels: overview() }, ...services];
}

function overview(): Panel[] {
  const perService = (expr: string, services: readonly string[] = processNames): Panel['lines'] =>
    services.map((service) => [withPrefix(expr, service), service]);
  const withDatabase = processNames.filter((service) => service !== 'runtime');
  return [
    { title: 'Processes up', unit: 'short', lines: [['up{job="millrace"}', '{{instance}}']] },
    {
      title: 'Alerts that fire',
      unit: 'short',
      lines: [['sum by (alertname) (ALERTS{alertname=~"Millrace.*",alertstate="firing"})', '{{alertname}}']],
    },
    { title: 'HTTP errors', unit: 'percentunit', lines: [['millrace:http_errors:ratio_rate5m', '{{service}}']] },
    { title: 'gRPC errors', unit: 'percentunit', lines: [['millrace:grpc_errors:ratio_rate5m', '{{service}}']] },
    { title: 'HTTP requests', unit: 'reqps', lines: perService(`sum(rate($p_http_request_seconds_count[${RATE}]))`) },
    {
      title: 'Oldest event in each outbox',
      unit: 's',
      lines: perService('max($p_outbox_oldest_age_seconds)', withDatabase),
    },
    { title: 'Consumer lag', unit: 'short', lines: perService('sum(max by (consumer) ($p_consumer_lag_events))', withDatabase) },
    {
      title: 'Open dead letters',
      unit: 'short',
      lines: perService('sum(max by (consumer) ($p_dead_letters_open_events))', withDatabase),
    },
    { title: 'CPU', unit: 'percentunit', lines: [[`rate(process_cpu_seconds_total{job="millrace"}[${RATE}])`, '{{instance}}']] },
    { title: 'Memory', unit: 'bytes', lines: [['process_resident_memory_bytes{job="millrace"}', '{{instance}}']] },
    { title: 'Heap', unit: 'bytes', lines: [['nodejs_heap_size_used_bytes{job="millrace"}', '{{instance}}']] },
  ];
}

function quantiles(buckets: string): Panel['lines'] {
  return ['0.5', '0.95', '0.99'].map((q) => [
    `histogram_quantile(${q}, sum by (le) (rate(${buckets}[${RATE}])))`,
    `p${Number(q) * 100}`,
  ]);
}

function prefixed(panel: Panel, service: string): Panel {
  return { ...panel, lines: panel.lines.map(([expr, legend]) => [withPrefix(expr, service), legend]) };
}

/** The dashboard as Grafana 10 and later import and provision it. */
export function dashboardJson({ uid, title, panels }: Dashboard): string {
  const document = {
    uid,
    title,
    tags: ['millrace'],
    timezone: 'browser',
    schemaVersion: 39,
    version: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {}, hide: 0 }],
    },
    annotations: { list: [] },
    panels: panels.map((panel, index) => ({
      id: index + 1,
      type: 'timeseries',
      title: panel.title,
      datasource: DATASOURCE,
      gridPos: { h: 8, w: 12, x: (index % 2) * 12, y: Math.floor(index / 2) * 8 },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
      targets: panel.lines.map(([expr, legendFormat], line) => ({
        refId: String.fromCharCode(65 + line),
        datasource: DATASOURCE,
        expr,
        legendFormat,
      })),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
