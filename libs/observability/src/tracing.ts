// SPDX-License-Identifier: Apache-2.0
import {
  type AttributeValue,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace as otel,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { currentTrace, DeferredTrace, parseTraceparent, runAtTrace, type Trace, traceparent } from './trace-context';

export interface TracingOptions {
  service: string;
  /** OTLP/HTTP base address, such as http://localhost:4318. */
  endpoint: string;
  /** Share of new traces that are recorded, 0 to 1. */
  sampleRatio?: number;
  /** How long spans wait to be sent together, in milliseconds. */
  batchDelayMs?: number;
  version?: string;
}

export interface SpanOptions {
  name: string;
  kind?: 'server' | 'client' | 'producer' | 'consumer' | 'internal';
  /** Header of the caller; without it the span goes below the current one. */
  traceparent?: string;
  /** Headers of others that this work is also done for, such as the producers of a batch; at most `SPAN_LINKS_MAX` are kept. */
  links?: Iterable<string>;
  attributes?: Record<string, AttributeValue | undefined>;
}

/** Links of one span. OpenTelemetry would keep 128; nobody follows that many. */
export const SPAN_LINKS_MAX = 32;

const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const;

let provider: BasicTracerProvider | undefined;

/** Sends the spans of this process to an OTLP/HTTP endpoint until `close`, which flushes what is left. One per process. */
export function startTracing(options: TracingOptions): { close(): Promise<void> } {
  const exporter = new OTLPTraceExporter({ url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`, timeoutMillis: 5000 });
  const own = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': `millrace-${options.service}`,
      'service.namespace': 'millrace',
      'service.version': options.version ?? 'unknown',
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.sampleRatio ?? 1) }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, {
        maxQueueSize: 4096,
        maxExportBatchSize: 512,
        scheduledDelayMillis: options.batchDelayMs ?? 2000,
      }),
    ],
  });
  provider = own;
  return {
    close: async () => {
      if (provider === own) provider = undefined;
      await own.shutdown();
    },
  };
}

/**
 * Runs `fn` in a span of its own: below the caller's traceparent when given, else below the current span, else in a new trace.
 * Logs and onward calls made inside carry it. Without `startTracing` only the ids exist and nothing is sent.
 */
export async function runInSpan<T>(options: SpanOptions, fn: () => Promise<T> | T): Promise<T> {
  const span = openSpan(options);
  try {
    return await runAtTrace(span.trace, fn);
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}

/** A span that the caller ends itself. */
export interface OpenSpan {
  trace: Trace;
  /** Marks it as failed, with the code or the message of the error. */
  fail(error: unknown): void;
  end(attributes?: Record<string, AttributeValue>, failed?: boolean): void;
}

/** For calls whose end is an event (an HTTP response, a stream). */
export function openSpan(options: SpanOptions): OpenSpan {
  if (!provider) return new UnsentSpan(options.traceparent ?? currentTrace());
  const parent = options.traceparent === undefined ? currentTrace() : parseTraceparent(options.traceparent);
  return startSpan(provider, options, parent);
}

// Nobody reads it: only its ids exist, for logs and onward calls.
class UnsentSpan implements OpenSpan {
  readonly trace: Trace;

  constructor(parent: Trace | string | undefined) {
    this.trace = new DeferredTrace(parent);
  }

  fail(): void {
    // There is nobody to tell.
  }

  end(): void {
    // There is nothing to send.
  }
}

/** runInSpan for a received message or call: `runWithTrace(headers.traceparent, () => handle(event))`. */
export function runWithTrace<T>(
  header: string | undefined,
  fn: () => Promise<T> | T,
  options?: Partial<SpanOptions>,
): Promise<T> {
  return runInSpan({ name: 'handle', ...options, ...(header === undefined ? {} : { traceparent: header }) }, fn);
}

/** The trace functions under one name. */
export const TraceContext = { currentTrace, runWithTrace, traceparent };

function startSpan(from: BasicTracerProvider, options: SpanOptions, parent: Trace | undefined): OpenSpan {
  const context = parent
    ? otel.setSpanContext(ROOT_CONTEXT, {
        traceId: parent.traceId,
        spanId: parent.spanId,
        traceFlags: parent.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
        isRemote: options.traceparent !== undefined,
      })
    : ROOT_CONTEXT;
  const attributes = Object.fromEntries(Object.entries(options.attributes ?? {}).filter(([, value]) => value !== undefined));
  const kind = KINDS[options.kind ?? 'internal'];
  const span = from.getTracer('millrace').startSpan(options.name, { kind, attributes, links: linksTo(options.links) }, context);
  const made = span.spanContext();
  return {
    trace: { traceId: made.traceId, spanId: made.spanId, sampled: (made.traceFlags & TraceFlags.SAMPLED) !== 0 },
    fail: (error) => markFailed(span, error),
    end: (ending, failed) => {
      if (ending) span.setAttributes(ending);
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function linksTo(headers: Iterable<string> = []): Link[] {
  const links = new Map<string, Link>();
  for (const header of headers) {
    if (links.size === SPAN_LINKS_MAX) break;
    const other = parseTraceparent(header);
    if (!other || links.has(header)) continue;
    const { traceId, spanId, sampled } = other;
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    links.set(header, { context: { traceId, spanId, traceFlags, isRemote: true } });
  }
  return [...links.values()];
}

function markFailed(span: Span, error: unknown): void {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const said = [code, message].find((text) => typeof text === 'string') ?? 'error';
  span.setStatus({ code: SpanStatusCode.ERROR, message: said });
  if (typeof code === 'string') span.setAttribute('error.type', code);
}
