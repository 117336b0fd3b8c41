// SPDX-License-Identifier: Apache-2.0

/** A series for promtool: name with labels, and its values in promtool's notation ('0x10', '0+60x20', '_x5 1'). One value a minute. */
export interface TestSeries {
  series: string;
  values: string;
}

/** A recording rule. */
export interface Recording {
  record: string;
  expr: string;
  labels?: Record<string, string>;
}

/** An alert with the situations that prove it. */
export interface Alert {
  /** CamelCase; unique over all files together with the service. */
  name: string;
  /** PromQL; `$p` stands for the metric prefix of the service, such as millrace_data_prep. */
  expr: string;
  /** How long it must hold. */
  for: string;
  severity: 'critical' | 'warning';
  /** One line, Prometheus templates allowed. */
  summary: string;
  /** What it means and what is at stake. */
  description: string;
  /** File name in docs/runbooks without `.md`. */
  runbook: string;
  /** Series under which it fires at `at`. */
  fires: TestSeries[];
  /** Further situations under which it fires at `at`. */
  alsoFires?: TestSeries[][];
  /** Series, near to the former, under which it stays quiet. */
  quiet: TestSeries[];
  /** Further situations in which it stays quiet at `at`. */
  alsoQuiet?: TestSeries[][];
  /** Minutes after which both are looked at; default 30. */
  atMinutes?: number;
}

/** Rules of one service, or of the platform. */
export interface RuleGroup {
  /** Service name, or `platform`. */
  service: string;
  recordings: Recording[];
  alerts: Alert[];
}

/** Prefix of a service's own metrics. */
export function prefixOf(service: string): string {
  return `millrace_${service.replaceAll('-', '_')}`;
}

/** Puts the prefix into an expression or a series. */
export function withPrefix(text: string, service: string): string {
  return text.replaceAll('$p', prefixOf(service));
}

/** The buckets of a histogram, by how many events a minute are at most so long. */
export function bucketSeries(metric: string, labels: string, perMinute: Record<string, number>): TestSeries[] {
  const shared = labels === '' ? '' : `${labels},`;
  return Object.entries(perMinute).map(([le, count]) => ({ series: `${metric}{${shared}le="${le}"}`, values: `0+${count}x40` }));
}
