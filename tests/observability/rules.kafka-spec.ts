// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { projectRoot } from '#libs/testing';
import { adapterRules } from '../../deploy/check/scaling';
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

  it("and the adapter's query counts the lag of a group once, however many replicas report it, over all of its topics", () => {
    const [{ metricsQuery }] = adapterRules(projectRoot());
    const expr = metricsQuery
      .replace('<<.Series>>', 'millrace_monitoring_consumer_lag_events')
      .replace('<<.LabelMatchers>>', 'consumer="monitoring.feedback"');
    const lag = (consumer: string, topic: string, instance: string, value: number) => ({
      series: `millrace_monitoring_consumer_lag_events{consumer="${consumer}",topic="${topic}",instance="${instance}"}`,
      values: `${value}x5`,
    });
    const test = {
      interval: '1m',
      input_series: [
        lag('monitoring.feedback', 'one.v1', 'a:1', 5),
        lag('monitoring.feedback', 'one.v1', 'b:1', 4), // asked a moment later
        lag('monitoring.feedback', 'two.v1', 'a:1', 7),
        lag('monitoring.feedback', 'two.v1', 'b:1', 7),
        lag('monitoring.inferences', 'one.v1', 'a:1', 100),
      ],
      promql_expr_test: [{ expr, eval_time: '4m', exp_samples: [{ labels: '{}', value: 12 }] }],
    };
    withFile('adapter.yml', { evaluation_interval: '1m', tests: [test] }, (file) =>
      expect(promtool('test', 'rules', file)).toContain('SUCCESS'),
    );
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
    withFile('panels.yml', { groups: [{ name: 'panels', rules }] }, (file) =>
      expect(promtool('check', 'rules', file)).toContain(`${rules.length} rules found`),
    );
  });
});

function withFile(name: string, content: unknown, use: (path: string) => void): void {
  const temporary = mkdtempSync(join(tmpdir(), 'millrace-rules-'));
  try {
    writeFileSync(join(temporary, name), stringify(content));
    use(join(temporary, name));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
