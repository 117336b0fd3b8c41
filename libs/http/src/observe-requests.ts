// SPDX-License-Identifier: Apache-2.0
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { formatTraceparent, type Logger, type Metrics, openSpan, runAtTrace } from '#libs/observability';

type OpenSpan = ReturnType<typeof openSpan>;

/** Trace, metrics and the request id header of every request. Call before the application is initialised. */
export function observeRequests(fastify: FastifyInstance, metrics: Metrics, logger: Logger): void {
  const seconds = metrics.histogram({
    name: 'http_request_seconds',
    help: 'HTTP requests by route and status, from the first byte in to the last byte out.',
    labelNames: ['method', 'route', 'status'],
  });
  const inFlight = metrics.gauge({ name: 'http_requests_in_flight', help: 'HTTP requests being served.' });
  const spans = new WeakMap<FastifyRequest, OpenSpan>();
  fastify.addHook('onRequest', (request, reply, done) => {
    inFlight.inc();
    // 'close' also comes for an answer that the client broke off; Fastify's onResponse does not.
    reply.raw.once('close', () => {
      inFlight.dec();
      if (!reply.raw.writableFinished) spans.get(request)?.end({ 'http.response.status_code': 499 }, false);
    });
    const header = request.headers.traceparent;
    const span = openSpan({
      name: `${request.method} ${request.routeOptions.url ?? 'unknown'}`,
      kind: 'server',
      ...(typeof header === 'string' ? { traceparent: header } : {}),
      attributes: { 'http.request.method': request.method, 'http.route': request.routeOptions.url },
    });
    spans.set(request, span);
    void reply.header('x-request-id', request.id);
    void reply.header('traceparent', formatTraceparent(span.trace));
    done();
  });
  // The body has been read by now: what runs from here on stays in this context.
  fastify.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) runAtTrace(span.trace, () => done());
    else done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const { statusCode, elapsedTime } = reply;
    const route = request.routeOptions.url ?? 'unknown';
    seconds.observe({ method: request.method, route, status: String(statusCode) }, elapsedTime / 1000);
    spans.get(request)?.end({ 'http.response.status_code': statusCode }, statusCode >= 500);
    logger.debug(
      { requestId: request.id, method: request.method, route, status: statusCode, durationMs: Math.round(elapsedTime) },
      'http request',
    );
    done();
  });
}
