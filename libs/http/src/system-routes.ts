// SPDX-License-Identifier: Apache-2.0
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { HealthRegistry, HealthReport, Metrics } from '#libs/observability';

export interface SystemRoutesOptions {
  service: string;
  version: string;
  /** False where the service answers /version in another protocol's words. */
  versionRoute?: boolean;
}

/** /health/live, /health/ready, /metrics and /version: open to everybody who can reach the port, without any secret in them. */
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
  fastify.get('/metrics', async (_request, reply) => {
    const page = await metrics.page();
    return reply.header('content-type', page.contentType).send(page.body);
  });
  if (options.versionRoute !== false) {
    fastify.get('/version', async () => ({ service: options.service, version: options.version, node: process.versions.node }));
  }
}
