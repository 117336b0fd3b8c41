// SPDX-License-Identifier: Apache-2.0
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface MetricOptions {
  /** Without the prefix `millrace_<service>_`, which is added; counters end in `_total`, others in their unit. */
  name: string;
  help: string;
  /** Labels take values from closed sets only, never ids. */
  labelNames?: readonly string[];
}

export interface HistogramOptions extends MetricOptions {
  buckets?: number[];
}

export interface GaugeOptions extends MetricOptions {
  /** Called at each scrape to set the value; a failure leaves the last value and counts in scrape_errors_total. */
  collect?: (gauge: Gauge) => Promise<void> | void;
}

const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The metrics of one process, in a registry of its own. Asking for a name again gives the same metric. */
export class Metrics {
  readonly registry = new Registry();
  private readonly eventLoop: IntervalHistogram = monitorEventLoopDelay({ resolution: 20 });
  private readonly scrapeErrors: Counter;

  constructor(private readonly service: string) {
    collectDefaultMetrics({ register: this.registry });
    this.scrapeErrors = this.counter({ name: 'scrape_errors_total', help: 'Metrics that could not be read at a scrape.' });
    this.eventLoop.enable();
    this.gauge({
      name: 'event_loop_delay_seconds',
      help: 'Delay of the event loop since the last scrape.',
      labelNames: ['quantile'],
      collect: (gauge) => {
        // The histogram records the whole interval between ticks; the delay is what exceeds the resolution.
        const delay = (value: number): number => Math.max(0, value / 1e9 - 0.02);
        gauge.set({ quantile: '0.5' }, delay(this.eventLoop.percentile(50)));
        gauge.set({ quantile: '0.99' }, delay(this.eventLoop.percentile(99)));
        gauge.set({ quantile: '1' }, delay(this.eventLoop.max));
        this.eventLoop.reset();
      },
    });
  }

  /** Full name of a metric of this service: 'rpc_seconds' -> 'millrace_data_prep_rpc_seconds'. */
  name(suffix: string): string {
    return suffix.startsWith('millrace_') ? suffix : `millrace_${this.service.replace(/-/g, '_')}_${suffix}`;
  }

  counter(options: MetricOptions): Counter {
    return (
      this.existing<Counter>(options.name) ?? new Counter({ ...this.base(options), labelNames: [...(options.labelNames ?? [])] })
    );
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
    return new Gauge({ ...this.base(options), labelNames: [...(options.labelNames ?? [])], ...wrapped });
  }

  histogram(options: HistogramOptions): Histogram {
    const existing = this.existing<Histogram>(options.name);
    const labelNames = [...(options.labelNames ?? [])];
    return existing ?? new Histogram({ ...this.base(options), labelNames, buckets: options.buckets ?? SECONDS_BUCKETS });
  }

  /** The Prometheus text page. */
  async page(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }

  /** Stops background collection. */
  close(): void {
    this.eventLoop.disable();
    this.registry.clear();
  }

  private base(options: MetricOptions): { name: string; help: string; registers: Registry[] } {
    return { name: this.name(options.name), help: options.help, registers: [this.registry] };
  }

  private existing<T>(name: string): T | undefined {
    return this.registry.getSingleMetric(this.name(name)) as T | undefined;
  }
}
