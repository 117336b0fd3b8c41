// SPDX-License-Identifier: Apache-2.0
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { LoopDelay } from './loop-delay';

export interface MetricOptions {
  /** Without the prefix `millrace_<service>_`, which is added; counters end in `_total`, others in their unit. */
  name: string;
  help: string;
  /** Labels take values from closed sets only, never ids. */
  labelNames?: readonly string[];
  /**
   * All labels with all their values, in place of labelNames: each combination of a counter or histogram is given out as 0 before
   * anything happened. A series that begins with its first event has no increase for an alert to see.
   */
  labelValues?: Readonly<Record<string, readonly string[]>>;
}

export interface HistogramOptions extends MetricOptions {
  buckets?: number[];
}

export interface GaugeOptions extends MetricOptions {
  /** Called at each scrape to set the value; a failure leaves the last value and counts in scrape_errors_total. */
  collect?: (gauge: Gauge) => Promise<void> | void;
}

const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const NEVER_MS = 2 ** 31 - 1;

/** The metrics of one process, in a registry of its own. Asking for a name again gives the same metric. */
export class Metrics {
  readonly registry = new Registry();
  private readonly loopDelay = new LoopDelay();
  private readonly scrapeErrors: Counter;

  constructor(private readonly service: string) {
    // Its own monitor of the loop wakes the process all the time; ours (LoopDelay) takes its place.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: NEVER_MS });
    for (const name of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'])
      this.registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
    this.scrapeErrors = this.counter({ name: 'scrape_errors_total', help: 'Metrics that could not be read at a scrape.' });
    this.gauge({
      name: 'event_loop_delay_seconds',
      help: 'Delay of the event loop since the last scrape.',
      labelNames: ['quantile'],
      collect: (gauge) => {
        const { median, p99, most } = this.loopDelay.read();
        gauge.set({ quantile: '0.5' }, median);
        gauge.set({ quantile: '0.99' }, p99);
        gauge.set({ quantile: '1' }, most);
      },
    });
  }

  /** Full name of a metric of this service: 'rpc_seconds' -> 'millrace_data_prep_rpc_seconds'. */
  name(suffix: string): string {
    return suffix.startsWith('millrace_') ? suffix : `millrace_${this.service.replace(/-/g, '_')}_${suffix}`;
  }

  counter(options: MetricOptions): Counter {
    const existing = this.existing<Counter>(options.name);
    if (existing) return existing;
    const counter = new Counter({ ...this.base(options), labelNames: labelNamesOf(options) });
    for (const labels of combinations(options.labelValues)) counter.inc(labels, 0);
    return counter;
  }

  gauge(options: GaugeOptions): Gauge {
    const existing = this.existing<Gauge>(options.name);
    if (existing) return existing;
    const { collect } = options;
    const onError = (): void => this.scrapeErrors.inc();
    const wrapped = collect && {
      async collect(this: Gauge): Promise<void> {
        try {
          await collect(this);
        } catch {
          onError();
        }
      },
    };
    return new Gauge({ ...this.base(options), labelNames: labelNamesOf(options), ...wrapped });
  }

  histogram(options: HistogramOptions): Histogram {
    const existing = this.existing<Histogram>(options.name);
    if (existing) return existing;
    const { buckets = SECONDS_BUCKETS } = options;
    const histogram = new Histogram({ ...this.base(options), labelNames: labelNamesOf(options), buckets });
    for (const labels of combinations(options.labelValues)) histogram.zero(labels);
    return histogram;
  }

  /** The Prometheus text page. */
  async page(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }

  /** Stops background collection. */
  close(): void {
    this.loopDelay.close();
    this.registry.clear();
  }

  private base(options: MetricOptions): { name: string; help: string; registers: Registry[] } {
    return { name: this.name(options.name), help: options.help, registers: [this.registry] };
  }

  private existing<T>(name: string): T | undefined {
    return this.registry.getSingleMetric(this.name(name)) as T | undefined;
  }
}

function labelNamesOf({ labelNames, labelValues = {} }: MetricOptions): string[] {
  return [...(labelNames ?? Object.keys(labelValues))];
}

function combinations(values: MetricOptions['labelValues']): Record<string, string>[] {
  if (!values) return [];
  return Object.entries(values).reduce<Record<string, string>[]>(
    (made, [label, all]) => made.flatMap((labels) => all.map((value) => ({ ...labels, [label]: value }))),
    [{}],
  );
}
