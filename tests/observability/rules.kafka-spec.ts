// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { projectRoot } from '#libs/testing';
import { dashboards } from '../../deploy/grafana/dashboards';
import { promtool } from './prometheus';

jest.setTimeout(400_000);

const folder = (name: string): string[] =>
  readdirSync(join(projectRoot(), 'deploy/prometheus', name)).map((file) => `deploy/prometheus/${name}/${file}`);

describe('rules, by promtool', () => {
  it('are well-formed, with the configuration that loads them', () => {
    expect(promtool('check', 'config', 'deploy/prometheus/prometheus.yml')).toContain('SUCCESS');
    const checked = execFileSync('amtool', ['check-config', 'deploy/prometheus/alertmanager.yml'], { cwd: projectRoot() });
    expect(checked.toString()).toContain('SUCCESS');
  });

  it('fire when they should and stay quiet when they should', () => {
    const said = promtool('test', 'rules', ...folder('rule-tests'));
    expect(said.match(/SUCCESS/g)).toHaveLength(folder('rule-tests').length);
  });

  it('and every expression of a dashboard is PromQL', () => {
    const rules = dashboards().flatMap(({ uid, panels }) =>
      panels.flatMap((panel, index) =>
        panel.lines.map(([expr], line) => ({
          record: `panel:${uid.replaceAll('-', '_')}:p${index}_${line}`,
          expr: expr.replaceAll('$__rate_interval', '1m'),
        })),
      ),
    );
    const temporary = mkdtempSync(join(tmpdir(), 'millrace-panels-'));
    try {
      writeFileSync(join(temporary, 'panels.yml'), stringify({ groups: [{ name: 'panels', rules }] }));
      expect(promtool('check', 'rules', join(temporary, 'panels.yml'))).toContain(`${rules.length} rules found`);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });
});
