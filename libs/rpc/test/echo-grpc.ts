// SPDX-License-Identifier: Apache-2.0
import { AnyWorkspace, Authenticator } from '#libs/auth';
import { currentDeadline, type PaceLimits, remainingDeadlineMs } from '#libs/clock';
import type { ingestion } from '#libs/contracts';
import { CommonErrors, defineErrors, invalidFields } from '#libs/errors';
import { currentTrace, HealthRegistry, type Logger, Metrics, silentLogger } from '#libs/observability';
import { Requires, type RpcContext, RpcController, RpcServer } from '../src';
import { EchoService } from './echo-service';

export const SpecErrors = defineErrors('RPC_SPEC', { SHELF_FULL: { kind: 'exhausted', retry: 'later', help: 'No room.' } });
export const SECRET = 'a secret that is long enough for HS256';

@RpcController(EchoService)
export class EchoGrpc {
  seen: {
    ctx?: RpcContext;
    trace?: string;
    remainingMs?: number;
    produced: number;
    received: number;
    calls: number;
    ended: string[];
  } = {
    produced: 0,
    received: 0,
    calls: 0,
    ended: [],
  };
  failures = 0;
  isUploadUnanswered = false;

  async createDataset(request: ingestion.CreateDatasetRequest, ctx: RpcContext): Promise<ingestion.CreateDatasetResponse> {
    this.seen.ctx = ctx;
    this.seen.trace = currentTrace()?.traceId;
    this.seen.remainingMs = currentDeadline() && remainingDeadlineMs();
    if (request.name === 'hang') await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
    if (request.name === 'ignore') await new Promise(() => undefined);
    if (request.name === 'full') throw SpecErrors.SHELF_FULL('no room on shelf', { shelf: 3 }).withRetryAfter(1500);
    if (request.name === 'bad') throw invalidFields({ field: 'name', message: 'is bad' });
    if (request.name === 'late') throw CommonErrors.DEADLINE('the database did not answer in time');
    if (request.name === 'bug') throw new TypeError('secret detail');
    return { dataset: undefined };
  }

  async *exportDatasetVersion(
    request: ingestion.ExportDatasetVersionRequest,
  ): AsyncGenerator<ingestion.ExportDatasetVersionResponse> {
    const count = Number(request.versionId);
    try {
      for (let index = 0; index < Math.abs(count); index += 1) {
        this.seen.produced += 1;
        yield { chunk: Buffer.alloc(64 * 1024, index) };
      }
      if (count < 0) throw SpecErrors.SHELF_FULL('the disk is full');
    } finally {
      this.seen.ended.push('export');
    }
  }

  @Requires('admin')
  async uploadDataset(requests: AsyncIterable<ingestion.UploadDatasetRequest>): Promise<ingestion.UploadDatasetResponse> {
    try {
      for await (const request of requests) {
        this.seen.received += request.chunk?.length ?? 0;
        if (request.header?.dataset === 'unread') await new Promise(() => undefined);
        if (request.header?.dataset === 'refuse') throw SpecErrors.SHELF_FULL('not now');
      }
      this.seen.ended.push('upload whole');
      if (this.isUploadUnanswered) await new Promise(() => undefined);
    } catch (error) {
      this.seen.ended.push((error as { code: string }).code);
      throw error;
    }
    return { version: undefined };
  }

  async getDataset(): Promise<ingestion.GetDatasetResponse> {
    this.seen.calls += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw CommonErrors.UNAVAILABLE('not yet');
    }
    return { dataset: undefined };
  }
}

export const header = (dataset: string): ingestion.UploadDatasetRequest => ({
  header: {
    dataset,
    format: 'jsonl',
    kind: 'DATASET_VERSION_KIND_RAW',
    parentVersionIds: [],
    producedBy: '',
    tags: {},
    requestId: '',
    sha256: '',
    keepRowIds: false,
    columns: {},
  } as never,
  chunk: undefined,
});
export const chunk = (bytes: number): ingestion.UploadDatasetRequest => ({ header: undefined, chunk: Buffer.alloc(bytes, 1) });
export const create = (name: string) => ({ name, description: '', requestId: '' });

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A server of the echo service that asks for tokens signed with SECRET. */
export function makeServer(
  echo: object,
  parts: {
    health: HealthRegistry;
    metrics: Metrics;
    port?: number;
    requestPace?: PaceLimits;
    connectionAgeMs?: number;
    logger?: Logger;
  },
): RpcServer {
  return new RpcServer({
    host: '127.0.0.1',
    port: parts.port ?? 0,
    messageBytesMax: 1024 * 1024,
    controllers: [echo],
    authenticator: new Authenticator({ auth: 'on', authSigningKey: SECRET }),
    workspaces: new AnyWorkspace(),
    health: parts.health,
    metrics: parts.metrics,
    logger: parts.logger ?? silentLogger(),
    ...(parts.requestPace ? { requestPace: parts.requestPace } : {}),
    ...(parts.connectionAgeMs ? { connectionAgeMs: parts.connectionAgeMs } : {}),
  });
}
