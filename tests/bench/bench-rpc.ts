// SPDX-License-Identifier: Apache-2.0
// Processor time per call of our gRPC server with all interceptors, without and with its spans exported, beside a bare grpc-js server
// with the same messages and work.
// Rounds alternate; the figure is the median of their ratios. Run: npm run bench:rpc [-- --scale small] [--assert]
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { parsePlatformKey, serviceToken } from '#libs/auth';
import { ingestion } from '#libs/contracts';
import {
  benchArguments,
  cpuSecondsOf,
  percentile,
  report,
  round,
  spawnProgram,
  type BenchProcess,
  type Figure,
} from './bench-kit';

const SIZES = { small: { rounds: 2, calls: 4_000 }, full: { rounds: 9, calls: 20_000 } };
const CALLERS = 32;
const RATIO_MAX = 1.5;
const KEY = 'a signing key of this bench that is long enough';
const { createDataset } = ingestion.DatasetServiceService;

interface Round {
  microsPerCall: number;
  callsPerSecond: number;
}

class Target {
  private readonly client: Client;
  wrong = 0;

  constructor(
    private readonly server: BenchProcess,
    private readonly metadata: Metadata,
  ) {
    this.client = new Client(server.grpcAddress, credentials.createInsecure());
  }

  async round(calls: number): Promise<Round> {
    const cpuBefore = cpuSecondsOf(this.server.pid);
    const startMs = performance.now();
    let left = calls;
    const caller = async (): Promise<void> => {
      while (left-- > 0) await this.call(`dataset-${left}`);
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    const cpuSeconds = cpuSecondsOf(this.server.pid) - cpuBefore;
    return { microsPerCall: (cpuSeconds / calls) * 1e6, callsPerSecond: (calls / (performance.now() - startMs)) * 1000 };
  }

  close(): void {
    this.client.close();
  }

  private call(name: string): Promise<void> {
    const request = { name, description: 'a data set of this bench', requestId: '' };
    const { path, requestSerialize, responseDeserialize } = createDataset;
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + 10_000;
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.metadata,
        { deadline },
        (error, reply) => {
          if (error) return reject(error);
          if (reply?.dataset?.name !== name) this.wrong += 1;
          resolve();
        },
      );
    });
  }
}

type Kind = 'bare' | 'ours' | 'traced';
const KINDS: readonly Kind[] = ['bare', 'ours', 'traced'];

/** Takes the spans of the traced server and throws them away: it counts against nobody. */
async function openSink(): Promise<{ url: string; posts: () => number; close: () => void }> {
  let posts = 0;
  const sink = createServer((request, response) => {
    posts += 1;
    request.resume().once('end', () => response.setHeader('content-type', 'application/json').end('{}'));
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`, posts: () => posts, close: () => sink.close() };
}

async function main(): Promise<void> {
  const options = benchArguments();
  const { rounds, calls } = SIZES[options.scale];
  const sink = await openSink();
  const file = join(__dirname, 'rpc-bench-server.js');
  const settings: Record<Kind, string[]> = { bare: ['bare'], ours: ['ours', KEY], traced: ['ours', KEY, sink.url] };
  const servers = await Promise.all(KINDS.map((kind) => spawnProgram(file, settings[kind], {})));
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await serviceToken(parsePlatformKey(KEY), 'bench')}`);
  metadata.set('x-millrace-workspace', 'bench');
  metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  const targets = KINDS.map((kind, index) => ({ kind, target: new Target(servers[index], metadata) }));
  try {
    const results: Record<Kind, Round>[] = [];
    for (let n = -1; n < rounds; n += 1) {
      // The order changes: who comes later is not always the one with the warm client.
      const result: Partial<Record<Kind, Round>> = {};
      for (const { kind, target } of rotated(targets, n + 1)) result[kind] = await target.round(calls);
      if (n >= 0) results.push(result as Record<Kind, Round>);
    }
    const all = rounds * calls;
    const figures = [
      { ...figureOf(results, 'ours', all), target: { at: 'most' as const, value: RATIO_MAX, of: 'ratio' as const } },
      { ...figureOf(results, 'traced', all), tracePosts: sink.posts() },
    ];
    const faults = targets
      .filter(({ target }) => target.wrong > 0)
      .map(({ kind }) => `${kind} gave answers that were not to their question`);
    if (sink.posts() === 0) faults.push('no span was sent');
    report('rpc', options, figures, faults);
  } finally {
    for (const { target } of targets) target.close();
    await Promise.all(servers.map((server) => server.stop()));
    sink.close();
  }
}

function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, index) => items[(index + by) % items.length]);
}

function figureOf(results: readonly Record<Kind, Round>[], kind: Kind, calls: number): Figure {
  const median = (pick: (result: Record<Kind, Round>) => number): number => percentile(results.map(pick), 0.5);
  const micros = median((result) => result[kind].microsPerCall);
  return {
    name: kind === 'traced' ? 'unary call with all interceptors, its span exported' : 'unary call with all interceptors',
    value: round(micros, 1),
    unit: 'us of processor time per call',
    baseline: {
      what: 'bare grpc-js server',
      value: round(
        median(({ bare }) => bare.microsPerCall),
        1,
      ),
    },
    ratio: round(
      median((result) => result[kind].microsPerCall / result.bare.microsPerCall),
      2,
    ),
    cpuSeconds: round((micros * calls) / 1e6, 2),
    callsPerSecond: Math.round(median((result) => result[kind].callsPerSecond)),
    callsPerSecondBare: Math.round(median(({ bare }) => bare.callsPerSecond)),
  };
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
