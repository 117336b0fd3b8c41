// SPDX-License-Identifier: Apache-2.0
import { processNames } from '../local/processes';
import { withPrefix } from '../prometheus/describe';
import { quantiles, RATE, type Panel } from './panel';
import { ownPanels } from './service-panels';

export interface Dashboard {
  /** Also the file name. */
  uid: string;
  title: string;
  panels: Panel[];
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

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
  {
    title: 'In flight',
    unit: 'short',
    lines: [
      ['sum($p_http_requests_in_flight)', 'HTTP'],
      ...(hasGrpc ? ([['sum($p_rpc_in_flight)', 'gRPC']] satisfies Panel['lines']) : []),
    ],
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
    title: 'Put aside, and handled before',
    unit: 'short',
    lines: [
      [`sum by (code) (increase($p_dead_letters_total[${RATE}]))`, 'put aside: {{code}}'],
      [`sum by (consumer) (increase($p_inbox_duplicates_total[${RATE}]))`, 'before: {{consumer}}'],
    ],
  },
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

/** One overview, and one dashboard for each process. */
export function dashboards(): Dashboard[] {
  const services = processNames.map((service): Dashboard => {
    const hasDatabase = service !== 'runtime';
    const panels = [...(ownPanels[service] ?? []), ...doors(hasDatabase), ...(hasDatabase ? events : []), ...machine];
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
