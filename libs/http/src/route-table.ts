// SPDX-License-Identifier: Apache-2.0
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** One method on one path, as Fastify routes it: `/api/v1/jobs/:id`, `/v1/models/*`. */
export interface TableEntry {
  method: string;
  url: string;
}

const tables = new WeakMap<object, TableEntry[]>();

/** Remembers every route that is registered from now on, whoever registers it. */
export function keepRouteTable(fastify: FastifyInstance): void {
  const table: TableEntry[] = [];
  tables.set(fastify, table);
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) table.push({ method: one, url });
  });
}

/** The routes of an application made by createHttpApp, HEAD included where Fastify adds it. */
export function routeTableOf(fastify: FastifyInstance): readonly TableEntry[] {
  return tables.get(fastify) ?? [];
}

/** Methods of the path of a request that no route answered; empty where the path itself is unknown. */
export function otherMethodsOf(request: FastifyRequest): string[] {
  if (!request.is404) return [];
  const path = (request.raw.url ?? '/').split('?')[0];
  const methods = new Set(routeTableOf(request.server).flatMap(({ method, url }) => (matches(url, path) ? [method] : [])));
  // The router refused the path for another reason than its method.
  return methods.has(request.method) ? [] : [...methods].sort();
}

function matches(url: string, path: string): boolean {
  const expected = url.split('/');
  const given = path.split('/');
  const open = expected.at(-1) === '*';
  if (open ? given.length < expected.length : given.length !== expected.length) return false;
  return expected.every((part, index) => part === given[index] || part === '*' || (part.startsWith(':') && given[index] !== ''));
}
