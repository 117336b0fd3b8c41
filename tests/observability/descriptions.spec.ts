// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from '../../deploy/grafana/dashboards';
import { staleFiles } from '../../deploy/prometheus/generate';
import { alertName, ruleGroups } from '../../deploy/prometheus/rule-files';

const root = join(__dirname, '../..');

describe('rules and dashboards', () => {
  it('are the files that their descriptions give: npm run observability:gen', () => {
    expect(staleFiles(root)).toEqual([]);
  });

  it('name each alert once, with a runbook that exists and words for people', () => {
    const alerts = ruleGroups().flatMap(({ service, alerts: own }) =>
      own.map((alert) => ({ ...alert, full: alertName(service, alert) })),
    );
    expect(new Set(alerts.map(({ full }) => full)).size).toBe(alerts.length);
    expect(
      alerts.filter(({ runbook }) => !existsSync(join(root, `docs/runbooks/${runbook}.md`))).map(({ full }) => full),
    ).toEqual([]);
    expect(alerts.filter(({ summary, description }) => summary.length < 15 || description.length < 30)).toEqual([]);
  });

  it('give each panel a place of its own and each dashboard its uid', () => {
    expect(new Set(dashboards().map(({ uid }) => uid)).size).toBe(8);
    for (const { panels } of dashboards()) {
      expect(panels.length).toBeGreaterThan(5);
      expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
      expect(panels.every(({ lines }) => lines.length > 0)).toBe(true);
    }
  });
});
