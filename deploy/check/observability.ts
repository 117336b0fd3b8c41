// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { defaultPorts } from '#libs/config';
import { processNames } from '../local/processes';
import type { Manifest, Manifests } from './manifests';
import { run, succeed } from './tools';

/** `kubectl apply` keeps what it applied in an annotation, and all annotations of an object have this room. */
const APPLIED_BYTES_MAX = 256 * 1024;
const CONFIG = 'millrace-prometheus';
const RULES = 'millrace-prometheus-rules';

/** Rules and dashboards that no ConfigMap brings as they are, and ConfigMaps that cannot be applied. */
export function deliveryFaults(manifests: Manifests, root: string): string[] {
  const maps = manifests.of('ConfigMap');
  const contents = (wanted: (each: Manifest) => boolean): Record<string, string> =>
    Object.assign({}, ...maps.filter(wanted).map(({ data }) => data)) as Record<string, string>;
  const rules = contents(({ metadata }) => metadata.name === RULES);
  const dashboards = contents(({ metadata }) => metadata.labels?.grafana_dashboard === '1');
  const missing = (folder: string, brought: Record<string, string>): string[] =>
    readdirSync(join(root, folder))
      .filter((file) => brought[file] !== readFileSync(join(root, folder, file), 'utf8'))
      .map((file) => `no ConfigMap brings ${folder}/${file}`);
  return [
    ...missing('deploy/prometheus/rules', rules),
    ...missing('deploy/grafana/dashboards', dashboards),
    ...maps
      .filter((each) => Buffer.byteLength(JSON.stringify(each)) >= APPLIED_BYTES_MAX)
      .map(({ metadata }) => `ConfigMap ${metadata.name} is too large for kubectl apply`),
  ];
}

/** What Prometheus' own tool finds when the ConfigMaps are mounted as docs/deployment.md says, and pods are those of an overlay. */
export async function prometheusFaults(manifests: Manifests, pods: Manifests): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'));
  try {
    for (const [path, name] of [['kubernetes', CONFIG] as const, ['rules', RULES] as const]) {
      mkdirSync(join(folder, path));
      for (const [file, text] of Object.entries(manifests.find('ConfigMap', name).data ?? {}))
        writeFileSync(join(folder, path, file), text);
    }
    const config = join(folder, 'kubernetes/prometheus.yml');
    writeFileSync(config, withPods(readFileSync(config, 'utf8'), pods));
    const { code, stdout, stderr } = await run('promtool', ['check', 'config', config]);
    if (code !== 0) return [`promtool: ${stdout}${stderr}`];
    const files = Object.keys(manifests.find('ConfigMap', RULES).data ?? {}).length;
    const loaded = stdout.includes(`${files} rule files found`) ? [] : [`promtool does not find ${files} rule files: ${stdout}`];
    return [...loaded, ...targetFaults(await targetsOf(config))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A target as Prometheus sees it after relabelling. */
type Target = Record<string, string>;

interface Config {
  scrape_configs: { kubernetes_sd_configs: { role: 'pod'; namespaces: { names: string[] } }[] }[];
}

/**
 * The configuration with these pods in place of what the API server would say of them: there is none here, and promtool of Debian is
 * built without that discovery. Everything else is as it is, the relabelling too.
 */
function withPods(text: string, pods: Manifests): string {
  const { scrape_configs: jobs, ...config } = parse(text) as Config;
  const exchanged = jobs.map(({ kubernetes_sd_configs: discoveries, ...job }) => {
    const namespaces = discoveries.flatMap(({ namespaces: { names } }) => names);
    const seen = pods.all.filter(({ metadata }) => namespaces.includes(metadata.namespace ?? ''));
    return { ...job, static_configs: seen.flatMap(discovered) };
  });
  return stringify({ ...config, scrape_configs: exchanged });
}

async function targetsOf(config: string): Promise<Target[]> {
  const said = await succeed('promtool', ['check', 'service-discovery', '--timeout=2s', config, 'millrace']);
  const results = JSON.parse(said) as { labels: Target | null }[];
  return results.flatMap(({ labels }) => (labels && Object.keys(labels).length > 0 ? [labels] : []));
}

/** What Prometheus' discovery by pods says of the pod that a manifest makes: a target for each of its ports, or one without a port. */
function discovered({ kind, metadata: { name }, spec }: Manifest, index: number): { targets: string[]; labels: Target }[] {
  const { metadata, spec: pod } = spec?.template ?? {};
  if (!metadata || !pod) return [];
  const label = (prefix: string, values: Record<string, string> = {}): Target =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        `__meta_kubernetes_pod_${prefix}_${key.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`,
        value,
      ]),
    );
  const labels = {
    ...label('label', metadata.labels),
    ...label('annotation', metadata.annotations),
    __meta_kubernetes_pod_name: name,
    __meta_kubernetes_pod_phase: kind === 'Job' ? 'Succeeded' : 'Running',
  };
  const address = `10.0.0.${index}`;
  const ports = pod.containers.flatMap((container) => container.ports ?? []);
  return ports.length === 0
    ? [{ targets: [address], labels }]
    : ports.map(({ containerPort: port }) => ({
        targets: [`${address}:${port}`],
        labels: { ...labels, __meta_kubernetes_pod_container_port_number: String(port) },
      }));
}

/** Each process is asked once, at its HTTP port, under the job's name that the rules know; nobody else is. */
function targetFaults(targets: Target[]): string[] {
  const shown = targets.map(({ instance, job, __address__: address = '', __metrics_path__: path }) =>
    [job, instance, address.split(':')[1], path].join(' '),
  );
  const wanted = processNames.map((name) => `millrace ${name} ${defaultPorts[name].http} /metrics`);
  return [
    ...wanted
      .filter((each) => shown.filter((other) => other === each).length !== 1)
      .map((each) => `Prometheus does not ask ${each} once`),
    ...shown.filter((each) => !wanted.includes(each)).map((each) => `Prometheus also asks ${each}`),
  ];
}
