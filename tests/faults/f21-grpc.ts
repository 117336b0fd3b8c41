// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';
import { ingestion, registry } from '#libs/contracts';
import { toAppError } from '#libs/errors';
import { createRpcClient } from '#libs/rpc';
import type { Fault, FaultContext } from './support/fault';
import { waitFor } from './support/wait';

const { DatasetServiceService } = ingestion;
/** What a busy machine adds to a deadline. */
const SLACK_MS = 4_000;
const ROWS = 12_000;
/** As libs/rpc promises: one call and three repetitions, and only where asked for. */
const TRIES_MAX = 4;
/** As data-prep pauses a job whose peer does not answer. */
const PEER_AWAY_PAUSE_SECONDS = 2;

/** A profile is made of each: on a small machine they must not be what is waited for. */
const UPLOADS_PER_SECOND = 0.5;

interface Failure {
  code: string;
  ms: number;
}

/** F21: a server that dies in the middle of a stream, freezes, is away for a while, or is of another build. */
export const fault: Fault = {
  id: 'F21',
  title: 'gRPC server killed in a stream, frozen, away, of another build; retries counted at the server',
  async run(context) {
    context.traffic.setRate('uploads', UPLOADS_PER_SECOND);
    for (let round = 0; round < context.rounds; round += 1) {
      await countRetries(context);
      await wrongBuild(context);
      await frozen(context);
      await killedInStream(context);
    }
  },
};

function datasets(address: string) {
  return createRpcClient(DatasetServiceService, { address, service: 'faults', idempotent: ['getDataset'] });
}

/** How a call failed and after how long; a call that succeeds is an error here. */
async function failure(call: Promise<unknown>): Promise<Failure> {
  const startedMs = performance.now();
  try {
    await call;
  } catch (error) {
    return { code: toAppError(error).code, ms: performance.now() - startedMs };
  }
  throw new Error('the call was to fail and did not');
}

/** A server that is always unavailable counts how often it is asked. */
async function countRetries({ lab, workspace, note, fault: count, long }: FaultContext): Promise<void> {
  const asked = new Map<string, number>();
  const server = new Server();
  /** Per version that data-prep asked for. */
  const versions = new Map<string, number>();
  const refuse = (name: string) => (call: { request?: { version?: string } }, answer: (error: Partial<ServiceError>) => void) => {
    asked.set(name, (asked.get(name) ?? 0) + 1);
    const version = call.request?.version;
    if (version !== undefined) versions.set(version, (versions.get(version) ?? 0) + 1);
    answer({ code: status.UNAVAILABLE, details: 'planted' });
  };
  server.addService(DatasetServiceService, {
    ...Object.fromEntries(Object.keys(DatasetServiceService).map((name) => [name, refuse(name)])),
    exportDatasetVersion: (call: { emit(event: string, error: Partial<ServiceError>): void }) => {
      asked.set('exportDatasetVersion', (asked.get('exportDatasetVersion') ?? 0) + 1);
      call.emit('error', { code: status.UNAVAILABLE, details: 'planted' });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const client = datasets(`127.0.0.1:${port}`);
  count('server always unavailable');
  try {
    const options = { deadlineMs: 20_000, workspace };
    const read = await failure(client.getDataset({ dataset: 'x' }, options));
    assert.equal(asked.get('getDataset'), TRIES_MAX, 'tries of a call that may be repeated');
    const write = await failure(client.listUploads(ingestion.ListUploadsRequest.fromPartial({}), options));
    assert.equal(asked.get('listUploads'), 1, 'tries of a call that may not be repeated');
    note('retries', { read, write });
    // The same through a service: data-prep wants a profile of each version, and its jobs have a pace of their own.
    versions.clear();
    const startedMs = performance.now();
    const replica = await lab.startReplica('data-prep', { env: { INGESTION_GRPC: `127.0.0.1:${port}` } });
    await waitFor('data-prep to ask', () => versions.size > 0);
    await delay((long ? 60 : 6) * 1000);
    await replica.stop();
    const seconds = (performance.now() - startedMs) / 1000;
    const most = Math.max(...versions.values());
    note('calls of data-prep to a server that is unavailable', { seconds, versions: versions.size, most });
    // Each try of a job is one call with its repetitions; between two tries of one job lies its pause.
    const callsMax = TRIES_MAX * (1 + Math.ceil(seconds / PEER_AWAY_PAUSE_SECONDS));
    assert.ok(most <= callsMax, `data-prep asked ${most} times for one version in ${seconds} s, at most ${callsMax} are due`);
  } finally {
    client.close();
    server.forceShutdown();
  }
}

/** Another build does not know the method: said at once, and not tried again. */
async function wrongBuild({ lab, workspace, fault: count }: FaultContext): Promise<void> {
  count('method unknown to the server');
  const client = createRpcClient(registry.ModelServiceService, {
    address: lab.grpc('ingestion'),
    service: 'faults',
    idempotent: ['getRegisteredModel'],
  });
  try {
    const { code, ms } = await failure(
      client.getRegisteredModel(registry.GetRegisteredModelRequest.fromPartial({ name: 'x' }), { deadlineMs: 20_000, workspace }),
    );
    assert.match(code, /UNIMPLEMENTED/);
    assert.ok(ms < SLACK_MS, `it took ${ms} ms to say that the method is unknown`);
  } finally {
    client.close();
  }
}

/** A frozen server accepts and never answers: the deadline fires, whatever the call. */
async function frozen({ lab, workspace, traffic, note, fault: count, long }: FaultContext): Promise<void> {
  const [server] = lab.replicas('ingestion');
  const client = datasets(server.grpcAddress);
  try {
    await client.listDatasets(ingestion.ListDatasetsRequest.fromPartial({}), { deadlineMs: 20_000, workspace });
    server.kill('SIGSTOP');
    count('server frozen');
    const deadlineMs = 2_000;
    const failures = await Promise.all([
      ...Array.from({ length: 20 }, () => failure(client.getDataset({ dataset: 'x' }, { deadlineMs, workspace }))),
      failure(
        drain(
          client.exportDatasetVersion(ingestion.ExportDatasetVersionRequest.fromPartial({ versionId: 'x' }), {
            deadlineMs,
            workspace,
          }),
        ),
      ),
    ]);
    await delay(long ? 60_000 : 1_000);
    server.kill('SIGCONT');
    const longestMs = Math.max(...failures.map(({ ms }) => ms));
    note('deadlines of a frozen server', { longestMs, codes: [...new Set(failures.map(({ code }) => code))] });
    for (const { code, ms } of failures) {
      assert.match(code, /DEADLINE/);
      assert.ok(ms < deadlineMs + SLACK_MS, `a deadline of ${deadlineMs} ms fired after ${ms} ms`);
    }
    await traffic.flows({ kinds: ['uploads'] });
  } finally {
    server.kill('SIGCONT');
    client.close();
  }
}

/** Killed while it streams rows: the reader sees an error, never a short result; later the same call works again. */
async function killedInStream({ lab, workspace, note, fault: count, long }: FaultContext): Promise<void> {
  const [server] = lab.replicas('ingestion');
  const version = await upload(server.httpUrl, workspace);
  const request = ingestion.ExportDatasetVersionRequest.fromPartial({ versionId: version });
  const client = datasets(server.grpcAddress);
  try {
    const broken = failure(
      drain(client.exportDatasetVersion(request, { deadlineMs: 30_000, workspace }), () => {
        server.kill('SIGKILL');
      }),
    );
    const { code, ms } = await broken;
    count('server killed in a stream');
    note('broken stream', { code, ms });
    assert.match(code, /UNAVAILABLE|CANCELLED|INTERNAL/);
    await server.ended;
    const away = await failure(client.getDataset({ dataset: 'streamed' }, { deadlineMs: 15_000, workspace }));
    assert.match(away.code, /UNAVAILABLE|DEADLINE/);
    await delay(long ? 10_000 : 1_000);
    await server.restart();
    const readyMs = performance.now();
    await waitFor('the same client to reach the server again', async () => {
      await client.getDataset({ dataset: 'streamed' }, { deadlineMs: 5_000, workspace });
      return true;
    });
    const rows = await rowsOf(client.exportDatasetVersion(request, { deadlineMs: 60_000, workspace }));
    note('back again', { seconds: (performance.now() - readyMs) / 1000, rows: rows.length });
    assert.deepEqual(rows, sentTexts(), 'rows after the return');
  } finally {
    client.close();
  }
}

async function drain(stream: AsyncIterable<unknown>, onFirst?: () => void): Promise<number> {
  let messages = 0;
  for await (const _message of stream) {
    messages += 1;
    if (messages === 1) onFirst?.();
  }
  return messages;
}

/** Texts of the rows of a stream of JSON lines, in its order. */
async function rowsOf(stream: AsyncIterable<ingestion.ExportDatasetVersionResponse>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for await (const { chunk } of stream) chunks.push(chunk);
  const lines = Buffer.concat(chunks).toString('utf8').trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { text: string }).text);
}

function sentTexts(): string[] {
  return Array.from({ length: ROWS }, (_, index) => `a row that is read in a stream, number ${index}`);
}

async function upload(baseUrl: string, workspace: string): Promise<string> {
  const rows = sentTexts().map((text) => `${JSON.stringify({ text, label: 'plant' })}\n`);
  const response = await fetch(`${baseUrl}/api/v1/datasets/streamed/versions?format=jsonl`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-millrace-workspace': workspace },
    body: rows.join(''),
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  assert.ok(response.ok, `upload: ${response.status} ${text}`);
  return (JSON.parse(text) as { id: string }).id;
}
