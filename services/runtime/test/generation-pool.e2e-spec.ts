// SPDX-License-Identifier: Apache-2.0
import { Worker } from 'node:worker_threads';
import { SystemClock } from '#libs/clock';
import { Metrics, silentLogger } from '#libs/observability';
import { eventually } from '#libs/testing';
import { Generator, loadModelFolder, packageFile, writeModelFiles } from '#libs/tiny-lm';
import type { GenerationEnd, Piece, ToThread } from '../src/generation/generation';
import { GenerationPool, type PoolLimits } from '../src/generation/generation-pool';
import { RuntimeMetrics } from '../src/runtime.metrics';

const metrics = new Metrics('runtime');
const resident = new Set(['d']);
const isResident = (digest: string): boolean => resident.has(digest);
const ports = { clock: new SystemClock(), logger: silentLogger(), metrics: new RuntimeMetrics(metrics), isResident };
const base = loadModelFolder(packageFile('base'));
const files = writeModelFiles(base);
const optionsOf = (seed: number) => ({ temperature: 2, seed, maxTokens: 90 });

// Seeds whose answers are long, so that there is time to interfere.
const generator = new Generator(base);
const LONG = Array.from({ length: 400 }, (_, seed) => seed)
  .filter((seed) => generator.generate('a', optionsOf(seed)).completionTokens > 60)
  .slice(0, 3);
const request = (n: number) => ({ digest: 'd', files, prompt: { text: 'a' }, options: optionsOf(LONG[n - 1]) });
const never = new AbortController().signal;
const open: GenerationPool[] = [];

afterAll(async () => {
  await Promise.all(open.map((pool) => pool.close()));
  metrics.close();
});

function makePool(limits: Partial<PoolLimits> = {}): GenerationPool {
  const pool = new GenerationPool({ threads: 1, queueMax: 4, requestSecondsMax: 30, ...limits }, ports);
  open.push(pool);
  return pool;
}

async function drain(pieces: AsyncGenerator<Piece, GenerationEnd, undefined>): Promise<{ text: string; end: GenerationEnd }> {
  let text = '';
  for (let next = await pieces.next(); ; next = await pieces.next()) {
    if (next.done) return { text, end: next.value };
    text += next.value.text;
  }
}

// A thread dies as if it ran out of memory; there is no polite way to ask for that.
const workerOf = (pool: GenerationPool): Worker => (pool as unknown as { threads: { worker: Worker }[] }).threads[0].worker;
const killThread = (pool: GenerationPool): Promise<number> => workerOf(pool).terminate();

describe('generation pool', () => {
  it('answers requests in order of arrival, each with its own text', async () => {
    const pool = makePool();
    const answers = await Promise.all([1, 2, 3, 1].map((seed) => drain(pool.generate(request(seed), never))));
    expect(answers[3]).toEqual(answers[0]);
    expect(answers[1].text).not.toBe(answers[0].text);
  });

  it('fails the request of a thread that dies, and replaces the thread', async () => {
    const pool = makePool();
    const pieces = pool.generate(request(1), never);
    await pieces.next();
    const waiting = drain(pool.generate(request(2), never));
    await killThread(pool);
    await expect(drain(pieces)).rejects.toMatchObject({ code: 'RUNTIME.THREAD_LOST', retry: 'later' });
    expect((await waiting).end.completionTokens).toBeGreaterThan(0);
    expect((await drain(pool.generate(request(3), never))).end.completionTokens).toBeGreaterThan(0);
  });

  it('takes the late end of a thread that was replaced for what it is', async () => {
    const pool = makePool();
    const first = workerOf(pool);
    // What it throws ends a thread, but not at once on a machine that is busy.
    first.emit('error', new Error('out of memory'));
    await eventually(() => workerOf(pool) !== first);
    const answer = drain(pool.generate(request(1), never));
    await first.terminate();
    expect((await answer).end.completionTokens).toBeGreaterThan(60);
  });

  it('leaves no model in a thread that left memory while requests waited for it', async () => {
    const posted = jest.spyOn(Worker.prototype, 'postMessage');
    try {
      const pool = makePool();
      const answers = [1, 2, 3].map((seed) => drain(pool.generate(request(seed), never)));
      resident.delete('d');
      pool.forget('d');
      await Promise.all(answers);
      const kinds = posted.mock.calls.map(([message]) => (message as ToThread).kind);
      const told = (kind: ToThread['kind']): number => kinds.filter((one) => one === kind).length;
      expect(told('forget')).toBe(told('model'));
    } finally {
      resident.add('d');
      posted.mockRestore();
    }
  });

  it('refuses beyond its queue, at once and with a retry', async () => {
    const pool = makePool({ queueMax: 1 });
    const running = [1, 2].map((seed) => drain(pool.generate(request(seed), never)));
    await expect(drain(pool.generate(request(3), never))).rejects.toMatchObject({ code: 'RUNTIME.QUEUE_FULL', retry: 'later' });
    await Promise.all(running);
  });

  it('lets go of a caller who waits, and of one who is served', async () => {
    const pool = makePool();
    const served = new AbortController();
    const queued = new AbortController();
    const first = pool.generate(request(1), served.signal);
    await first.next();
    const second = drain(pool.generate(request(2), queued.signal));
    queued.abort();
    await expect(second).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    served.abort();
    await expect(drain(first)).rejects.toMatchObject({ code: 'COMMON.CANCELLED' });
    expect((await drain(pool.generate(request(3), never))).text).not.toBe('');
  });

  it('gives up after the longest time for a request', async () => {
    const pool = makePool({ requestSecondsMax: 0.001 });
    await expect(drain(pool.generate(request(1), never))).rejects.toMatchObject({ code: 'RUNTIME.GENERATION_TIMEOUT' });
  });

  it('stops the thread of a caller who leaves the loop', async () => {
    const pool = makePool({ queueMax: 0 });
    for await (const _piece of pool.generate(request(1), never)) break;
    await eventually(() => drain(pool.generate(request(2), never)));
  });
});
