// SPDX-License-Identifier: Apache-2.0
// Processor time per call of our gRPC server with all interceptors, beside a bare grpc-js server with the same messages and work.
// Rounds alternate; the figure is the median of their ratios. Run: npm run bench:rpc [-- --scale small] [--assert]
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { parsePlatformKey, serviceToken } from '#libs/auth';
import { ingestion } from '#libs/contracts';
import { benchArguments, cpuSecondsOf, percentile, report, round, spawnProgram, type BenchProcess } from './bench-kit';

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

async function main(): Promise<void> {
  const options = benchArguments();
  const { rounds, calls } = SIZES[options.scale];
  const file = join(__dirname, 'rpc-bench-server.js');
  const servers = await Promise.all([spawnProgram(file, ['bare'], {}), spawnProgram(file, ['ours', KEY], {})]);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${await serviceToken(parsePlatformKey(KEY), 'bench')}`);
  metadata.set('x-millrace-workspace', 'bench');
  metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  const [bare, ours] = servers.map((server) => new Target(server, metadata));
  try {
    const results: { bare: Round; ours: Round }[] = [];
    for (let n = -1; n < rounds; n += 1) {
      // The order changes: who comes second is not always the one with the warm client.
      const first = n % 2 === 0 ? await bare.round(calls) : await ours.round(calls);
      const second = n % 2 === 0 ? await ours.round(calls) : await bare.round(calls);
      if (n >= 0) results.push(n % 2 === 0 ? { bare: first, ours: second } : { bare: second, ours: first });
    }
    const median = (pick: (result: { bare: Round; ours: Round }) => number): number => percentile(results.map(pick), 0.5);
    const micros = median((result) => result.ours.microsPerCall);
    const figure = {
      name: 'unary call with all interceptors',
      value: round(micros, 1),
      unit: 'us of processor time per call',
      baseline: {
        what: 'bare grpc-js server',
        value: round(
          median((result) => result.bare.microsPerCall),
          1,
        ),
      },
      ratio: round(
        median((result) => result.ours.microsPerCall / result.bare.microsPerCall),
        2,
      ),
      target: { at: 'most' as const, value: RATIO_MAX, of: 'ratio' as const },
      cpuSeconds: round((micros * calls * rounds) / 1e6, 2),
      callsPerSecond: Math.round(median((result) => result.ours.callsPerSecond)),
      callsPerSecondBare: Math.round(median((result) => result.bare.callsPerSecond)),
    };
    const wrong = bare.wrong + ours.wrong;
    report('rpc', options, [figure], wrong > 0 ? [`${wrong} answers were not to their question`] : []);
  } finally {
    bare.close();
    ours.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exitCode = 1;
});
