// SPDX-License-Identifier: Apache-2.0
import { Metrics } from '#libs/observability';
import type { ProcessName } from '../../deploy/local/processes';
import { DataPrepMetrics } from '../../services/data-prep/src/jobs/data-prep.metrics';
import { GatewayMetrics } from '../../services/gateway/src/gateway.metrics';
import { IngestionMetrics } from '../../services/ingestion/src/uploads/ingestion.metrics';
import '../../services/ingestion/src/datasets/datasets.errors';
import { MonitoringMetrics } from '../../services/monitoring/src/monitoring.metrics';
import { RegistryMetrics } from '../../services/registry/src/registry.metrics';
import { RuntimeMetrics } from '../../services/runtime/src/runtime.metrics';
import { JobsMetrics } from '../../services/training/src/jobs/jobs.metrics';

const declare: Record<ProcessName, (metrics: Metrics) => unknown> = {
  gateway: (metrics) => new GatewayMetrics(metrics),
  ingestion: (metrics) => new IngestionMetrics(metrics),
  'data-prep': (metrics) => new DataPrepMetrics(metrics),
  // What it reads at a scrape is not asked here.
  training: (metrics) => new JobsMetrics(metrics, { countByState: async () => [] } as never, {} as never),
  registry: (metrics) => new RegistryMetrics(metrics),
  monitoring: (metrics) => new MonitoringMetrics(metrics),
  runtime: (metrics) => new RuntimeMetrics(metrics),
};

export interface FreshSeries {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A process's own metrics before anything happened: their names, and the series that are given out. */
export async function freshMetrics(service: ProcessName): Promise<{ names: string[]; series: FreshSeries[] }> {
  const metrics = new Metrics(service);
  try {
    declare[service](metrics);
    const names = metrics.registry.getMetricsAsArray().flatMap(({ name }) => (name.startsWith('millrace_') ? [name] : []));
    const read = await Promise.all(names.map((name) => metrics.registry.getSingleMetric(name)!.get()));
    const series = read.flatMap((metric) =>
      metric.values.map(({ labels, value, ...named }) => ({
        name: 'metricName' in named ? String(named.metricName) : metric.name,
        labels: Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, String(text)])),
        value,
      })),
    );
    return { names, series };
  } finally {
    metrics.close();
  }
}
