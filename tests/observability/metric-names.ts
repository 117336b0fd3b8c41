// SPDX-License-Identifier: Apache-2.0

/** One metric as a /metrics page declares it. */
export interface DeclaredMetric {
  name: string;
  type: string;
  help: string;
}

/** Reads the HELP and TYPE lines of a Prometheus text page. */
export function declaredMetrics(page: string): DeclaredMetric[] {
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  return [...page.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => ({
    name: name,
    type: types.get(name) ?? 'untyped',
    help: help,
  }));
}

/** Names of series that these metrics can have. */
export function seriesNames(metrics: readonly DeclaredMetric[]): Set<string> {
  return new Set(
    metrics.flatMap(({ name, type }) => (type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])),
  );
}

/** Names of our own metrics that a text (rules, dashboards, manifests) uses. */
export function usedNames(text: string): string[] {
  return [
    ...new Set(
      [...text.matchAll(/\b(millrace_[a-z0-9_]+|nodejs_[a-z0-9_]+|process_[a-z0-9_]+_(?:bytes|total|seconds))\b/g)].map(
        ([name]) => name,
      ),
    ),
  ];
}

/** docs/metrics.md: every metric of every process, those that all have once. */
export function metricsPage(pages: ReadonlyMap<string, DeclaredMetric[]>): string {
  const lines = [
    '# Metrics',
    '',
    'Made from the running platform; `tests/observability/platform.kafka-spec.ts` holds it to that and leaves a fresh page as `millrace-metrics.md` in the temporary folder. `*` stands for the process.',
    '',
  ];
  const shared = new Map<string, number>();
  const short = (service: string, name: string): string => name.replace(`millrace_${service.replaceAll('-', '_')}_`, '');
  for (const [service, metrics] of pages)
    for (const { name } of metrics) shared.set(short(service, name), (shared.get(short(service, name)) ?? 0) + 1);
  const table = (rows: DeclaredMetric[]): void => {
    lines.push('| metric | type | what |', '|---|---|---|');
    for (const { name, type, help } of rows.sort((a, b) => (a.name < b.name ? -1 : 1)))
      lines.push(`| \`${name}\` | ${type} | ${help} |`);
    lines.push('');
  };
  const common = new Map<string, DeclaredMetric>();
  for (const [service, metrics] of pages)
    for (const metric of metrics)
      if ((shared.get(short(service, metric.name)) ?? 0) >= 6 && metric.name.startsWith('millrace_'))
        common.set(short(service, metric.name), { ...metric, name: `millrace_*_${short(service, metric.name)}` });
  lines.push('## Every service', '');
  table([...common.values()]);
  for (const [service, metrics] of pages) {
    lines.push(`## ${service}`, '');
    table(metrics.filter(({ name }) => name.startsWith('millrace_') && !common.has(short(service, name))));
  }
  lines.push('Beside these, the figures of Node.js and the process: `nodejs_*`, `process_*`.', '');
  return lines.join('\n');
}
