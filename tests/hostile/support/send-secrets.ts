// SPDX-License-Identifier: Apache-2.0
import { SENT_SECRETS } from '../../support/platform-secrets';

interface Operation {
  parameters?: { in: string; name: string; schema?: { anyOf?: { enum?: string[] }[] } }[];
  requestBody?: unknown;
}

/** As much of an OpenAPI document as is read here. */
export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
}

const { bearer, basic, apiKey, cookie, query, body } = SENT_SECRETS;

/**
 * Sends secrets to every operation of a service, in all places where callers put them, also by mistake: headers, query, and a body
 * that is none. Gives the answers that are the server's fault.
 */
export async function sendSecrets(document: OpenApiDocument, url: string, token?: string): Promise<string[]> {
  const known: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const faults: string[] = [];
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const address = url + filled(path, operation);
      const requests: [target: string, headers: Record<string, string>, body?: string][] = [
        [address, { authorization: `Bearer ${bearer}` }],
        [address, { authorization: `Bearer ${apiKey}`, 'x-api-key': apiKey }],
        [address, { authorization: `Basic ${Buffer.from(`me:${basic}`).toString('base64')}` }],
        [`${address}?access_token=${query}`, { ...known, cookie: `session=${cookie}` }],
      ];
      if (operation.requestBody !== undefined) {
        const json = { ...known, 'content-type': 'application/json' };
        requests.push([address, json, body], [address, json, JSON.stringify({ password: body })]);
      }
      for (const [target, headers, content] of requests) {
        const status = await statusOf(target, { method: method.toUpperCase(), headers, body: content });
        if (status >= 500) faults.push(`${method.toUpperCase()} ${path} answered ${status} to a misplaced secret`);
      }
    }
  }
  return faults;
}

function filled(path: string, operation: Operation): string {
  return path.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    const parameter = operation.parameters?.find((one) => one.in === 'path' && one.name === name);
    const value = parameter?.schema?.anyOf?.flatMap((one) => one.enum ?? [])[0];
    return encodeURIComponent(value ?? 'x');
  });
}

async function statusOf(address: string, init: RequestInit): Promise<number> {
  const headers = { connection: 'close', ...init.headers };
  const answer = await fetch(address, { ...init, headers, redirect: 'manual', signal: AbortSignal.timeout(30_000) });
  // Not read: a stream of events has no end.
  await answer.body?.cancel();
  return answer.status;
}
