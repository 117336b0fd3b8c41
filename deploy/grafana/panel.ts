// SPDX-License-Identifier: Apache-2.0

/** One panel: a title, a unit of Grafana, and its lines as [PromQL, legend]. `$p` is the metric prefix of the service. */
export interface Panel {
  title: string;
  unit: 'short' | 's' | 'reqps' | 'percentunit' | 'bytes' | 'Bps';
  lines: [expr: string, legend: string][];
}

export const RATE = '$__rate_interval';

export function quantiles(buckets: string): Panel['lines'] {
  return ['0.5', '0.95', '0.99'].map((q) => [
    `histogram_quantile(${q}, sum by (le) (rate(${buckets}[${RATE}])))`,
    `p${Number(q) * 100}`,
  ]);
}
