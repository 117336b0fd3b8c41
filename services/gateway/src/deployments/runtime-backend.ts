// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { GatewaySettings } from '../config';
import { BackendAccess } from './backend-access';
import { BackendPools } from './backend-pools';
import { DeploymentErrors } from './deployments.errors';
import { ModelBackend } from './model-backend';

const LIST_MS = 2000;
const ANSWER_BYTES_MAX = 1024 * 1024;

interface Call {
  method: 'GET' | 'PUT' | 'DELETE';
  path: string;
  body?: unknown;
  timeoutMs: number;
}

/** The management API of services/runtime: PUT and DELETE /api/v1/models/{id}; presence by the OpenAI list, which every server has. */
@Injectable()
export class RuntimeBackend extends ModelBackend {
  private readonly loadMs: number;

  constructor(
    private readonly pools: BackendPools,
    private readonly access: BackendAccess,
    settings: GatewaySettings,
  ) {
    super();
    // A call must be over before its lease is, so that no two replicas load the same version at once.
    this.loadMs = settings.deploymentLeaseSeconds * 800;
  }

  async load(backendUrl: string, id: string, manifestDigest: string): Promise<void> {
    let answer = await this.put(backendUrl, id, manifestDigest);
    if (answer.status === 409) {
      // The id is taken by other bytes, which nobody asks for any more: an id stands for one version of one registry.
      await this.unload(backendUrl, id);
      answer = await this.put(backendUrl, id, manifestDigest);
    }
    const { status, text } = answer;
    if (status >= 300) throw DeploymentErrors.LOAD_REFUSED(`the backend refused ${id}: ${status} ${sayWhy(text)}`, { status });
  }

  async unload(backendUrl: string, id: string): Promise<void> {
    const path = `/api/v1/models/${encodeURIComponent(id)}`;
    const { status, text } = await this.call(backendUrl, { method: 'DELETE', path, timeoutMs: this.loadMs });
    if (status >= 300 && status !== 404) {
      throw DeploymentErrors.BACKEND_CALL_FAILED(`unloading ${id}: ${status} ${sayWhy(text)}`, { status });
    }
  }

  async list(backendUrl: string): Promise<Set<string>> {
    const { status, text } = await this.call(backendUrl, { method: 'GET', path: '/v1/models', timeoutMs: LIST_MS });
    const models = status === 200 ? (parse(text) as { data?: unknown } | undefined)?.data : undefined;
    if (!Array.isArray(models))
      throw DeploymentErrors.BACKEND_CALL_FAILED(`listing models: ${status} ${sayWhy(text)}`, { status });
    return new Set(models.map((model: { id?: unknown } | null) => String(model?.id)));
  }

  private put(backendUrl: string, id: string, manifestDigest: string): Promise<{ status: number; text: string }> {
    const path = `/api/v1/models/${encodeURIComponent(id)}`;
    return this.call(backendUrl, { method: 'PUT', path, body: { manifestDigest }, timeoutMs: this.loadMs });
  }

  private async call(backendUrl: string, call: Call): Promise<{ status: number; text: string }> {
    const { pool, basePath } = this.pools.of(backendUrl);
    try {
      const response = await pool.request({
        method: call.method,
        path: basePath + call.path,
        headersTimeout: call.timeoutMs,
        bodyTimeout: call.timeoutMs,
        signal: AbortSignal.timeout(call.timeoutMs),
        headers: {
          ...(await this.access.headersFor(backendUrl)),
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) break;
        chunks.push(chunk);
      }
      return { status: response.statusCode, text: Buffer.concat(chunks).toString('utf8') };
    } catch (error) {
      const message = `${call.method} ${call.path}: ${(error as Error).message}`;
      throw DeploymentErrors.BACKEND_CALL_FAILED(message, { backendUrl }, error);
    }
  }
}

// problem+json says `detail`, OpenAI says `error.message`.
function sayWhy(text: string): string {
  const body = parse(text) as { detail?: unknown; error?: { message?: unknown } } | undefined;
  const reason = body?.detail ?? body?.error?.message ?? text;
  return (typeof reason === 'string' ? reason : JSON.stringify(reason)).slice(0, 500);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
