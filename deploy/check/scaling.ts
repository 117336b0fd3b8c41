// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { listTopics } from '#libs/contracts';
import { prefixOf } from '../prometheus/describe';
import { serviceNames, type ServiceName } from '../local/processes';
import { matches, type Manifest, type Manifests, type Selector } from './manifests';

/** What prod scales each service by, beside processor time: the lag of these consumer groups, which grow with use. */
const SCALED_BY: Record<ServiceName, readonly string[] | 'by hand'> = {
  // Its consumers are quiet, so its replicas may outnumber their partitions.
  gateway: [],
  ingestion: ['ingestion.feedback'],
  'data-prep': ['data-prep.profiles'],
  // A replica that leaves interrupts its trainers.
  training: 'by hand',
  registry: ['registry.training-results'],
  monitoring: ['monitoring.inferences', 'monitoring.feedback'],
  // The runtime is no service here: its model is loaded at one address, and a budget would keep its one replica's node from being drained.
};

/** A figure that an autoscaler needs: the service must show it, and know the consumer. */
export interface NeededMetric {
  service: string;
  metric: string;
  consumer: string;
}

/** Metrics that the autoscalers ask for. */
export function neededMetrics(manifests: Manifests): NeededMetric[] {
  return manifests.of('HorizontalPodAutoscaler').flatMap(neededBy);
}

function neededBy({ metadata, spec }: Manifest): NeededMetric[] {
  return (spec?.metrics ?? []).flatMap(({ external }) =>
    external
      ? [{ service: metadata.name, metric: external.metric.name, consumer: external.metric.selector.matchLabels.consumer }]
      : [],
  );
}

/** What keeps several replicas from following the load and from surviving a drained node. */
export function scalingFaults(manifests: Manifests): string[] {
  return serviceNames.flatMap((name) => [...autoscalerFaults(manifests, name), ...budgetFaults(manifests, name)]);
}

function autoscalerFaults(manifests: Manifests, name: ServiceName): string[] {
  const own = manifests.of('HorizontalPodAutoscaler').filter(({ spec }) => spec?.scaleTargetRef?.name === name);
  const groups = SCALED_BY[name];
  if (groups === 'by hand') return own.length === 0 ? [] : [`${name}: is scaled by hand, and has an autoscaler`];
  if (own.length !== 1) return [`${name}: has ${own.length} autoscalers`];
  const [{ metadata, spec }] = own;
  const lags = neededBy(own[0]);
  const partitions = groups.flatMap((group) =>
    listTopics().flatMap((topic) => (topic.consumers.includes(group) ? [topic.partitions] : [])),
  );
  const replicas = spec?.maxReplicas ?? 0;
  const expected: [boolean, string][] = [
    [metadata.name === name, `is scaled by an autoscaler called ${metadata.name}`],
    [spec?.metrics?.some(({ resource }) => resource?.name === 'cpu') ?? false, 'is not scaled by processor time'],
    [(spec?.minReplicas ?? 1) > 1, 'may be scaled to one replica'],
    ...groups.map((group): [boolean, string] => [
      lags.some(({ consumer, metric }) => consumer === group && metric === `${prefixOf(name)}_consumer_lag_events`),
      `is not scaled by the lag of ${group}`,
    ]),
    ...lags.map(({ consumer }): [boolean, string] => [groups.includes(consumer), `is scaled by the lag of ${consumer}`]),
    [
      groups.length === 0 || replicas <= Math.max(...partitions),
      `${replicas} replicas cannot share ${partitions.join()} partitions`,
    ],
  ];
  return expected.filter(([ok]) => !ok).map(([, what]) => `${name}: ${what}`);
}

function budgetFaults(manifests: Manifests, name: ServiceName): string[] {
  const selected = (budget: Manifest): string[] =>
    manifests.of('Deployment').flatMap(({ metadata, spec }) => {
      const selector = (budget.spec?.selector ?? {}) as Selector;
      return matches(selector, spec!.template!.metadata.labels) ? [metadata.name] : [];
    });
  const own = manifests.of('PodDisruptionBudget').filter((budget) => selected(budget).includes(name));
  if (own.length !== 1) return [`${name}: ${own.length} disruption budgets select its pods`];
  const pods = selected(own[0]);
  return [
    ...(pods.length === 1 ? [] : [`${name}: its disruption budget also counts ${pods.filter((each) => each !== name).join()}`]),
    ...(own[0].spec?.maxUnavailable === 1 ? [] : [`${name}: its disruption budget does not let exactly one replica go`]),
  ];
}

interface AdapterRule {
  seriesQuery: string;
  name: { matches: string; as: string };
  metricsQuery: string;
}

/** The rule by which prometheus-adapter gives out external metrics. */
export function adapterRules(root: string): AdapterRule[] {
  const text = readFileSync(join(root, 'deploy/kubernetes/prometheus-adapter-rules.yaml'), 'utf8');
  return (parse(text) as { rules: { external: AdapterRule[] } }).rules.external;
}

/** Autoscalers whose metric no rule of the adapter gives out under that name. */
export function adapterFaults(manifests: Manifests, rules: readonly AdapterRule[]): string[] {
  const given = (metric: string): boolean =>
    rules.some(({ seriesQuery, name }) => {
      const series = /__name__=~"([^"]+)"/.exec(seriesQuery)?.[1];
      return (
        series !== undefined && new RegExp(series).test(metric) && metric.replace(new RegExp(name.matches), name.as) === metric
      );
    });
  return neededMetrics(manifests)
    .filter(({ metric }) => !given(metric))
    .map(({ service, metric }) => `${service}: prometheus-adapter-rules.yaml gives out no ${metric}`);
}
