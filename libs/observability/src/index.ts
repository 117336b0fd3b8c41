// SPDX-License-Identifier: Apache-2.0
export { createLogger, describeError, Logger, silentLogger } from './logger';
export type { LogFields } from './logger';
export { Metrics } from './metrics';
export type { GaugeOptions, HistogramOptions, MetricOptions } from './metrics';
export { currentTrace, formatTraceparent, newTrace, parseTraceparent, runAtTrace, traceparent } from './trace-context';
export type { Trace } from './trace-context';
export { openSpan, runInSpan, runWithTrace, startTracing, TraceContext } from './tracing';
export type { OpenSpan, SpanOptions, TracingOptions } from './tracing';
export { HealthRegistry } from './health';
export type { HealthCheck, HealthReport } from './health';
export { SHUTDOWN_STAGES, ShutdownSequence } from './shutdown';
export type { ShutdownStage } from './shutdown';
