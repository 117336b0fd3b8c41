// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { HealthRegistry, HealthReport, Metrics } from '#libs/observability';

export interface SystemRoutesOptions {
  service: string;
  version: string;
  /** False where the service answers /version in another protocol's words. */
  versionRoute?: boolean;
  /** The OpenAPI document; asked for once, when somebody wants to read it. */
  document: () => Promise<object>;
}

/** /health/live, /health/ready, /health/serving, /metrics, /version and /openapi.json: open to everybody who can reach the port, without any secret in them. */
export function addSystemRoutes(
  fastify: FastifyInstance,
  health: HealthRegistry,
  metrics: Metrics,
  options: SystemRoutesOptions,
): void {
  const answer = (reply: FastifyReply, report: HealthReport): unknown =>
    reply
      .status(report.ok ? 200 : 503)
      .send({ status: report.ok ? 'ok' : 'failing', service: options.service, checks: report.checks });
  fastify.get('/health/live', async (_request, reply) => answer(reply, await health.live()));
  fastify.get('/health/ready', async (_request, reply) => answer(reply, await health.ready()));
  fastify.get('/health/serving', async (_request, reply) => answer(reply, await health.serving()));
  fastify.get('/metrics', async (_request, reply) => {
    const page = await metrics.page();
    return reply.header('content-type', page.contentType).send(page.body);
  });
  addDocumentRoute(fastify, options.document);
  if (options.versionRoute !== false) {
    fastify.get('/version', async () => ({ service: options.service, version: options.version, node: process.versions.node }));
  }
}

function addDocumentRoute(fastify: FastifyInstance, document: () => Promise<object>): void {
  let written: Promise<{ json: string; etag: string }> | undefined;
  const write = async (): Promise<{ json: string; etag: string }> => {
    const json = JSON.stringify(await document());
    return { json, etag: `"${createHash('sha256').update(json).digest('hex').slice(0, 32)}"` };
  };
  fastify.get('/openapi.json', async (request, reply) => {
    const { json, etag } = await (written ??= write());
    void reply.header('etag', etag).header('cache-control', 'public, max-age=300');
    if (request.headers['if-none-match'] === etag) return reply.status(304).send();
    return reply.header('content-type', 'application/json; charset=utf-8').send(json);
  });
}
