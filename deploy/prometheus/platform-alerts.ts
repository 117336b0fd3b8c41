// SPDX-License-Identifier: Apache-2.0
import { bucketSeries, type Alert, type Recording } from './describe';
import { eventAlerts } from './event-alerts';

// What a load balancer and Prometheus ask is no traffic of users.
const USERS = 'route!~"/health/.*|/metrics|/version"';
const FAULTS = 'status=~"INTERNAL|UNKNOWN|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED"';

/** Error ratios over the windows that burn-rate alerts compare. */
export function errorRatios(service: string, hasGrpc: boolean): Recording[] {
  const windows = ['5m', '30m', '1h', '6h'];
  const http = windows.map((window) => ({
    record: `millrace:http_errors:ratio_rate${window}`,
    expr: `sum(rate($p_http_request_seconds_count{status=~"5..",${USERS}}[${window}])) / sum(rate($p_http_request_seconds_count{${USERS}}[${window}]))`,
    labels: { service },
  }));
  const grpc = windows.map((window) => ({
    record: `millrace:grpc_errors:ratio_rate${window}`,
    expr: `sum(rate($p_rpc_seconds_count{${FAULTS}}[${window}])) / sum(rate($p_rpc_seconds_count[${window}]))`,
    labels: { service },
  }));
  return hasGrpc ? [...http, ...grpc] : http;
}

/** 99.9 % of requests are answered well: Google's SRE workbook, chapter 5, multiwindow burn rates 14.4 (page) and 6 (ticket). */
function burn(door: 'http' | 'grpc', service: string): Alert[] {
  const metric = door === 'http' ? '$p_http_request_seconds_count' : '$p_rpc_seconds_count';
  const good = door === 'http' ? '{route="/api/v1/things",status="200"}' : '{method="Get",status="OK"}';
  const bad = door === 'http' ? '{route="/api/v1/things",status="503"}' : '{method="Get",status="INTERNAL"}';
  const ratio = `millrace:${door}_errors:ratio_rate`;
  const own = `{service="${service}"}`;
  const label = door === 'http' ? 'Http' : 'Grpc';
  const series = (errors: string) => [
    { series: `${metric}${good}`, values: '0+6000x80' },
    { series: `${metric}${bad}`, values: errors },
  ];
  return [
    {
      name: `${label}ErrorsFast`,
      expr: `${ratio}5m${own} > 14.4 * 0.001 and ${ratio}1h${own} > 14.4 * 0.001`,
      for: '2m',
      severity: 'critical',
      summary: `{{ $value | humanizePercentage }} of ${door.toUpperCase()} requests fail`,
      description: 'At this rate the error budget of a month (0.1 %) is gone within two days.',
      runbook: 'service-trouble',
      fires: series('0+300x80'),
      quiet: series('0+30x80'),
      atMinutes: 30,
    },
    {
      name: `${label}ErrorsSlow`,
      expr: `${ratio}30m${own} > 6 * 0.001 and ${ratio}6h${own} > 6 * 0.001`,
      for: '15m',
      severity: 'warning',
      summary: `{{ $value | humanizePercentage }} of ${door.toUpperCase()} requests fail, for hours`,
      description: 'At this rate the error budget of a month (0.1 %) is gone within five days.',
      runbook: 'service-trouble',
      fires: series('0+60x80'),
      quiet: series('0+12x80'),
      atMinutes: 60,
    },
  ];
}

/** Nearly all slower than 5 s, or nearly all faster than 0.1 s; events a minute up to each bound. */
const SLOW = { '0.1': 1, '5': 2, '10': 60, '+Inf': 60 };
const FAST = { '0.1': 60, '5': 60, '10': 60, '+Inf': 60 };

/** Alerts of every process that serves. */
export function processAlerts(service: string): Alert[] {
  const instance = 'instance="a:1",job="millrace"';
  return [
    ...burn('http', service),
    {
      name: 'HttpSlow',
      expr: `histogram_quantile(0.99, sum by (le) (rate($p_http_request_seconds_bucket{method="GET",${USERS}}[10m]))) > 2.5`,
      for: '10m',
      severity: 'warning',
      summary: 'One of a hundred GET requests takes {{ $value | humanizeDuration }}',
      description: 'Reads are slow; uploads and answers of models are not counted here.',
      runbook: 'service-trouble',
      fires: bucketSeries('$p_http_request_seconds_bucket', 'method="GET",route="/x",status="200"', SLOW),
      quiet: bucketSeries('$p_http_request_seconds_bucket', 'method="GET",route="/x",status="200"', FAST),
    },
    {
      name: 'EventLoopBlocked',
      expr: '$p_event_loop_delay_seconds{quantile="0.99"} > 0.5',
      for: '5m',
      severity: 'warning',
      summary: '{{ $labels.instance }} answers nobody for {{ $value | humanizeDuration }} at a time',
      description: 'Something computes on the main thread, or the machine has too few cores for what runs on it.',
      runbook: 'service-trouble',
      fires: [{ series: `$p_event_loop_delay_seconds{quantile="0.99",${instance}}`, values: '0.8x40' }],
      quiet: [{ series: `$p_event_loop_delay_seconds{quantile="0.99",${instance}}`, values: '0.8x3 0.1x40' }],
    },
    {
      name: 'MetricsUnreadable',
      expr: 'increase($p_scrape_errors_total[15m]) > 2',
      for: '0m',
      severity: 'warning',
      summary: '{{ $labels.instance }} cannot read some of its own figures',
      description: 'Lag, dead letters or job ages may be out of date: alerts that rest on them can be silent.',
      runbook: 'service-trouble',
      fires: [{ series: `$p_scrape_errors_total{${instance}}`, values: '0x10 0+1x30' }],
      quiet: [{ series: `$p_scrape_errors_total{${instance}}`, values: '0x10 1x30' }],
    },
  ];
}

/** Alerts of every service with a database, events and gRPC. */
export function serviceAlerts(service: string): Alert[] {
  return [...burn('grpc', service), ...doorAlerts(), ...eventAlerts()];
}

function doorAlerts(): Alert[] {
  return [
    {
      name: 'PoolExhausted',
      expr: 'min_over_time($p_pool_connections{state="waiting"}[2m]) > 0',
      for: '2m',
      severity: 'critical',
      summary: '{{ $value }} callers wait for a database connection on {{ $labels.instance }}',
      description: 'Requests are refused after 2 s. Slow statements hold the connections, or POOL_MAX is too small for the load.',
      runbook: 'service-trouble',
      fires: [{ series: '$p_pool_connections{state="waiting",instance="a:1"}', values: '3x40' }],
      quiet: [{ series: '$p_pool_connections{state="waiting",instance="a:1"}', values: '3 0 3 0 3 0 3 0x40' }],
      atMinutes: 7,
    },
    {
      name: 'GrpcSlow',
      expr: 'histogram_quantile(0.99, sum by (le, method) (rate($p_rpc_seconds_bucket{method!~".*(Export|Watch|Stream|Upload).*"}[10m]))) > 5',
      for: '10m',
      severity: 'warning',
      summary: 'One of a hundred calls of {{ $labels.method }} takes {{ $value | humanizeDuration }}',
      description: 'Callers have deadlines: they will give up and try again, which makes it worse.',
      runbook: 'service-trouble',
      fires: bucketSeries('$p_rpc_seconds_bucket', 'method="GetModel",status="OK"', SLOW),
      quiet: bucketSeries('$p_rpc_seconds_bucket', 'method="GetModel",status="OK"', FAST),
    },
  ];
}
