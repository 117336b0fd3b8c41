// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Manifests, type Manifest } from './manifests';
import { deliveryFaults } from './observability';

const root = join(__dirname, '../..');

function configMap(name: string, folder: string, files: string[], labels: Record<string, string> = {}): Manifest {
  const data = files.map((file) => [file, readFileSync(join(root, folder, file), 'utf8')] as const);
  return { kind: 'ConfigMap', metadata: { name, labels }, data: Object.fromEntries(data) };
}

function delivered(rules: string[], dashboards: string[], labels = { grafana_dashboard: '1' }): Manifests {
  const maps = [
    configMap('millrace-prometheus-rules', 'deploy/prometheus/rules', rules),
    ...dashboards.map((file) => configMap(file.replace('.json', ''), 'deploy/grafana/dashboards', [file], labels)),
  ];
  return new Manifests(maps.map((each) => stringify(each)).join('---\n'));
}

describe('what Prometheus and Grafana are given in a cluster, as deploy:check sees it', () => {
  const rules = readdirSync(join(root, 'deploy/prometheus/rules'));
  const dashboards = readdirSync(join(root, 'deploy/grafana/dashboards'));

  it('is every rule file and dashboard', () => {
    expect(deliveryFaults(delivered(rules, dashboards), root)).toEqual([]);
    expect(deliveryFaults(delivered(rules.slice(1), dashboards), root)).toEqual([
      `no ConfigMap brings deploy/prometheus/rules/${rules[0]}`,
    ]);
    expect(deliveryFaults(delivered(rules, dashboards.slice(1)), root)).toEqual([
      `no ConfigMap brings deploy/grafana/dashboards/${dashboards[0]}`,
    ]);
  });

  it('is as the files are now', () => {
    const old = delivered(rules, dashboards);
    old.find('ConfigMap', 'millrace-prometheus-rules').data![rules[0]] += '# older\n';
    expect(deliveryFaults(old, root)).toEqual([`no ConfigMap brings deploy/prometheus/rules/${rules[0]}`]);
  });

  it('fits into what kubectl apply takes', () => {
    const large = delivered(rules, dashboards);
    large.find('ConfigMap', 'millrace-gateway').data!['more.json'] = 'x'.repeat(256 * 1024);
    expect(deliveryFaults(large, root)).toEqual(['ConfigMap millrace-gateway is too large for kubectl apply']);
  });
});
