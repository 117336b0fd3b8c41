// SPDX-License-Identifier: Apache-2.0
import type { PlainRoute } from './describe-route';
import { anyObject, type JsonSchema, object, oneOf, text } from './schema';

const HEALTH: JsonSchema = object({ status: oneOf('ok', 'failing'), service: text, checks: anyObject });

function health(name: 'live' | 'ready' | 'serving', summary: string): PlainRoute {
  return {
    method: 'get',
    address: `/health/${name}`,
    operationId: `system_${name}`,
    tag: 'system',
    summary,
    answer: HEALTH,
    alsoAnswers: { 503: { description: 'A check fails; the body names it.', schema: HEALTH } },
    open: true,
  };
}

/** The routes that every process has. */
export function systemRoutes({ versionRoute }: { versionRoute?: boolean }): PlainRoute[] {
  const open = { method: 'get', tag: 'system', open: true } as const;
  const version: PlainRoute = {
    ...open,
    address: '/version',
    operationId: 'system_version',
    summary: 'What runs here',
    answer: object({ service: text, version: text, node: text }),
  };
  return [
    health('live', 'Is the process alive?'),
    health('ready', 'Is everything there that it needs?'),
    health('serving', 'May it be sent requests: was ready once, and nothing of its own is wrong?'),
    {
      ...open,
      address: '/metrics',
      operationId: 'system_metrics',
      summary: 'Metrics in the Prometheus text format',
      answer: text,
      contentType: 'text/plain',
    },
    {
      ...open,
      address: '/openapi.json',
      operationId: 'system_openapi',
      summary: 'This document',
      answer: anyObject,
      alsoAnswers: { 304: { description: 'The caller has this version of it (If-None-Match).' } },
    },
    ...(versionRoute === false ? [] : [version]),
  ];
}
