// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from '../../deploy/grafana/dashboards';
import { processNames } from '../../deploy/local/processes';
import { withPrefix } from '../../deploy/prometheus/describe';
import { alertName, ruleGroups } from '../../deploy/prometheus/rule-files';
import { declaredLabels } from './declarations';
import { freshMetrics } from './fresh-metrics';
import { usedNames } from './metric-names';
import { labelUses, resultLabels, templateLabels, type LabelUse } from './promql-labels';

const root = join(__dirname, '../..');
// What Prometheus adds to each series, and a rule to its results.
const OF_TARGET = ['instance', 'job'];
const OTHERS: Record<string, string[]> = { up: [], ALERTS: ['alertname', 'alertstate', 'service', 'severity'] };

const declared = new Map(processNames.flatMap((service) => [...declaredLabels(root, service)]));

/** Labels of a series by its name, or undefined for one that nobody declares. */
function labelsOf(series: string): string[] | undefined {
  if (series.startsWith('millrace:')) return ['service'];
  if (/^(process|nodejs)_/.test(series)) return OF_TARGET;
  const labels = OTHERS[series] ?? declared.get(series) ?? declared.get(series.replace(/_(bucket|sum|count)$/, ''));
  return labels && [...labels, ...OF_TARGET, ...(series.endsWith('_bucket') ? ['le'] : [])];
}

function faultsOf(where: string, uses: LabelUse[]): string[] {
  return uses.flatMap(({ metric, labels }) => {
    const known = labelsOf(metric);
    if (!known) return [`${where}: nobody declares ${metric}`];
    return labels.filter((label) => !known.includes(label)).map((label) => `${where}: ${metric} has no label ${label}`);
  });
}

function templateFaults(where: string, expr: string, text: string, added: string[] = []): string[] {
  const result = resultLabels(expr) ?? labelUses(expr).flatMap(({ metric }) => labelsOf(metric) ?? []);
  return templateLabels(text)
    .filter((label) => ![...result, ...added].includes(label))
    .map((label) => `${where}: the result of ${expr} has no label ${label}`);
}

const alerts = ruleGroups().flatMap(({ service, alerts: own }) =>
  own.map((alert) => ({ ...alert, service, full: alertName(service, alert), expr: withPrefix(alert.expr, service) })),
);

describe('labels in rules, their tests and dashboards', () => {
  it('are read from the code for every metric of docs/metrics.md', () => {
    const listed = usedNames(readFileSync(join(root, 'docs/metrics.md'), 'utf8')).filter((name) => !name.endsWith('_'));
    expect(listed.length).toBeGreaterThan(50);
    expect(listed.filter((name) => !declared.has(name))).toEqual([]);
  });

  it('are labels that the metrics declare', () => {
    const inAlerts = alerts.flatMap(({ full, expr, summary, fires, alsoFires = [], quiet, service }) => [
      ...faultsOf(full, labelUses(expr)),
      ...templateFaults(full, expr, summary),
      ...[...fires, ...alsoFires.flat(), ...quiet].flatMap(({ series }) =>
        faultsOf(`test of ${full}`, labelUses(withPrefix(series, service))),
      ),
    ]);
    const recorded = ruleGroups().flatMap(({ service, recordings }) =>
      recordings.flatMap(({ record, expr }) => faultsOf(record, labelUses(withPrefix(expr, service)))),
    );
    const inPanels = dashboards().flatMap(({ uid, panels }) =>
      panels.flatMap(({ title, lines }) =>
        lines.flatMap(([expr, legend]) => [
          ...faultsOf(`${uid} ${title}`, labelUses(expr)),
          ...templateFaults(`${uid} ${title}`, expr, legend),
        ]),
      ),
    );
    expect([...inAlerts, ...recorded, ...inPanels]).toEqual([]);
  });

  it('would not pass with a label that a metric has not', () => {
    const faults = (expr: string): string[] => faultsOf('x', labelUses(expr));
    expect(faults('rate(millrace_runtime_model_loads_total{result="failed"}[5m])')).toEqual([
      'x: millrace_runtime_model_loads_total has no label result',
    ]);
    expect(faults('sum by (consumer, kind) (millrace_gateway_consumer_lag_events)')).toHaveLength(1);
    expect(
      faults('millrace_gateway_relay_leader_bool == 1 unless on (consumer) millrace_gateway_consumer_lag_events'),
    ).toHaveLength(1);
    expect(templateFaults('x', 'sum(millrace_gateway_consumer_lag_events)', '{{ $labels.consumer }} waits')).toHaveLength(1);
  });
});

describe('counters that alerts watch', () => {
  it.each(processNames)(
    'of %s are given out as 0 before anything happened, with every value that a rule names',
    async (service) => {
      const { names, series } = await freshMetrics(service);
      const own = alerts.filter((alert) => alert.service === service && /\b(increase|rate)\(/.test(alert.expr));
      const missing = own.flatMap(({ full, expr, fires, alsoFires = [], quiet }) =>
        [expr, ...[...fires, ...alsoFires.flat(), ...quiet].map((each) => withPrefix(each.series, service))]
          .flatMap((text) => labelUses(text))
          .filter(({ metric }) => names.includes(metric.replace(/_(bucket|sum|count)$/, '')))
          .flatMap(({ metric, values }) => {
            const zeros = series.filter(({ name, value }) => name === metric && value === 0);
            const unseen = values.filter(
              ([label, text]) => !OF_TARGET.includes(label) && !zeros.some(({ labels }) => labels[label] === text),
            );
            return [...(zeros.length === 0 ? [metric] : []), ...unseen.map(([label, text]) => `${metric}{${label}="${text}"}`)];
          })
          .map((what) => `${full}: ${what} is not there from the start`),
      );
      expect(missing).toEqual([]);
    },
  );
});
