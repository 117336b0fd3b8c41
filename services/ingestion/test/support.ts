// SPDX-License-Identifier: Apache-2.0
import { ingestion } from '#libs/contracts';
import { createRpcClient, type RpcClient } from '#libs/rpc';
import { startTestService, type TestService } from '#libs/testing';
import { AppModule } from '../src/app.module';
import { IngestionSettings } from '../src/config';
import { migrations } from '../src/migrations';

export type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of a door under test

/** Ingestion inside the spec, with its doors as short functions. */
export interface IngestionUnderTest {
  service: TestService;
  client: RpcClient<typeof ingestion.DatasetServiceService>;
  http(
    method: string,
    path: string,
    options?: { body?: unknown; raw?: string | Buffer; headers?: Record<string, string> },
  ): Promise<Answer>;
  upload(dataset: string, body: string | Buffer, query?: string, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
  text: string;
}

export const call = { workspace: 'default', deadlineMs: 10_000 };

export async function startIngestion(env: Record<string, string> = {}): Promise<IngestionUnderTest> {
  const service = await startTestService({
    service: 'ingestion',
    settings: IngestionSettings,
    module: (settings) => AppModule.forRoot(settings),
    migrations,
    env,
  });
  const client = createRpcClient(ingestion.DatasetServiceService, { address: service.grpcAddress, service: 'spec' });
  const http: IngestionUnderTest['http'] = async (method, path, { body, raw, headers } = {}) => {
    const response = await fetch(`${service.baseUrl}/api/v1${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(raw === undefined ? {} : { body: raw as string }),
    });
    const text = await response.text();
    const json =
      response.headers.get('content-type')?.includes('json') && !response.headers.get('content-type')?.includes('ndjson');
    return { status: response.status, headers: response.headers, text, body: json ? (JSON.parse(text) as Json) : {} };
  };
  const upload: IngestionUnderTest['upload'] = (dataset, raw, query = 'format=jsonl', headers = {}) =>
    http('POST', `/datasets/${dataset}/versions?${query}`, {
      raw,
      headers: { 'content-type': 'application/octet-stream', ...headers },
    });
  const close = async (): Promise<void> => {
    client.close();
    await service.close();
  };
  return { service, client, http, upload, close };
}
