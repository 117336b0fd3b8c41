// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboards } from '../../deploy/grafana/dashboards';
import { staleFiles } from '../../deploy/prometheus/generate';
import { alertName, ruleGroups } from '../../deploy/prometheus/rule-files';

const root = join(__dirname, '../..');

/** The line of a page that says of which alerts it is the page; a star stands for any letters. */
function alertsOf(page: string): { name: string; means: RegExp }[] {
  const lines = readFileSync(join(root, 'docs/runbooks', page), 'utf8').split('\n');
  const line = lines.find((each) => each.startsWith('Alerts:')) ?? '';
  return [...line.matchAll(/`([\w*]+)`/g)].map(([, name]) => ({ name, means: new RegExp(`^${name.replaceAll('*', '\\w*')}$`) }));
}

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

  it('send each alert to a page whose line of alerts names it, and no page names others', () => {
    const alerts = ruleGroups().flatMap(({ service, alerts: own }) =>
      own.map((alert) => ({ full: alertName(service, alert), page: `${alert.runbook}.md` })),
    );
    const pages = readdirSync(join(root, 'docs/runbooks')).map((page) => ({ page, named: alertsOf(page) }));
    const unnamed = alerts.filter(
      ({ full, page }) => !pages.find((each) => each.page === page)?.named.some(({ means }) => means.test(full)),
    );
    expect(unnamed).toEqual([]);
    const strange = pages.flatMap(({ page, named }) =>
      named.flatMap(({ name, means }) => {
        const meant = alerts.filter(({ full }) => means.test(full));
        return meant.length > 0 && meant.every((alert) => alert.page === page) ? [] : [`${page}: ${name}`];
      }),
    );
    expect(strange).toEqual([]);
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
