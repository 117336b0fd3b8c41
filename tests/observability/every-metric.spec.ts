// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from '../../deploy/grafana/dashboards';
import { serviceNames } from '../../deploy/local/processes';
import { prefixOf, withPrefix } from '../../deploy/prometheus/describe';
import { ruleGroups } from '../../deploy/prometheus/rule-files';
import { WITHOUT_ALERT } from '../../deploy/prometheus/without-alert';

/** Names in docs/metrics.md, which the running platform is held to; `millrace_*_` stands for every service. */
const documented = [
  ...readFileSync(join(__dirname, '../../docs/metrics.md'), 'utf8').matchAll(/^\| `(millrace_[a-z0-9_*]+)`/gm),
].map(([, name]) => name);
const rules = ruleGroups().flatMap(({ service, recordings, alerts }) =>
  [...recordings, ...alerts].map(({ expr }) => withPrefix(expr, service)),
);
const panels = dashboards().flatMap((dashboard) => dashboard.panels.flatMap(({ lines }) => lines.map(([expr]) => expr)));

function namesOf(metric: string): string[] {
  return metric.includes('*') ? serviceNames.map((service) => metric.replace('millrace_*', prefixOf(service))) : [metric];
}

function isIn(expressions: readonly string[], name: string): boolean {
  const whole = new RegExp(`\\b${name}(?:_bucket|_count|_sum)?(?![a-z_])`);
  return expressions.some((expression) => whole.test(expression));
}

describe('every metric', () => {
  it('is asked for by a rule, or has a reason why none asks for it', () => {
    expect(documented.length).toBeGreaterThan(70);
    const silent = documented.filter((metric) => !namesOf(metric).every((name) => isIn(rules, name)));
    expect(silent.filter((metric) => WITHOUT_ALERT[metric] === undefined)).toEqual([]);
    expect(Object.keys(WITHOUT_ALERT).filter((metric) => !silent.includes(metric))).toEqual([]);
  });

  it('without a rule is on a dashboard', () => {
    const unseen = Object.keys(WITHOUT_ALERT).filter((metric) => !namesOf(metric).every((name) => isIn(panels, name)));
    expect(unseen).toEqual([]);
  });

  it('reasons name alerts that exist', () => {
    const alerts = new Set(ruleGroups().flatMap(({ alerts: own }) => own.map(({ name }) => name)));
    const named = Object.values(WITHOUT_ALERT).flatMap(
      (reason) => reason.match(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b|\bDeadLetters\b/g) ?? [],
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !alerts.has(name))).toEqual([]);
  });
});
