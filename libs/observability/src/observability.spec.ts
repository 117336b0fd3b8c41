// SPDX-License-Identifier: Apache-2.0
import {
  createLogger,
  currentTrace,
  HealthRegistry,
  Metrics,
  parseTraceparent,
  runInSpan,
  ShutdownSequence,
  silentLogger,
  traceparent,
} from './index';

function capture(): { lines: Record<string, unknown>[]; stream: { write(line: string): void } } {
  const lines: Record<string, unknown>[] = [];
  return { lines, stream: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } };
}

describe('createLogger', () => {
  it('writes JSON lines with service, level, trace and fields', async () => {
    const { lines, stream } = capture();
    const logger = createLogger('registry', 'info', stream).child({ slice: 'models' });
    await runInSpan({ name: 'x' }, () => logger.info({ modelId: 'm1' }, 'model registered'));
    logger.debug({}, 'not shown');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'info',
      service: 'registry',
      slice: 'models',
      modelId: 'm1',
      msg: 'model registered',
    });
    expect(lines[0].traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('never writes secrets, also nested', () => {
    const { lines, stream } = capture();
    createLogger('x', 'info', stream).info(
      { token: 'canary', headers: { authorization: 'canary' }, a: { b: { password: 'canary' } } },
      'm',
    );
    expect(JSON.stringify(lines)).not.toContain('canary');
  });

  it('writes one line whatever a caller put into it', () => {
    const written: string[] = [];
    const hostile = 'x\r\n{"level":"error","msg":"forged"}\n\u001b[2J\u0000';
    createLogger('x', 'info', { write: (line) => void written.push(line) }).info(
      { path: hostile, [hostile]: 1, err: new Error(hostile) },
      hostile,
    );
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^[^\u0000-\u001f]*\n$/);
    expect(JSON.parse(written[0])).toMatchObject({ level: 'info', msg: hostile, path: hostile });
  });

  it('writes errors with code and the chain of causes', () => {
    const { lines, stream } = capture();
    const error = Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'A.B' });
    createLogger('x', 'info', stream).error({ err: error }, 'failed');
    expect(lines[0].err).toMatchObject({ code: 'A.B', message: 'outer', cause: { message: 'inner' } });
  });
});

describe('trace context', () => {
  const header = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('goes on below the caller', async () => {
    await runInSpan({ name: 'serve', traceparent: header }, async () => {
      const outer = currentTrace()!;
      expect(outer.traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
      expect(outer.spanId).not.toBe('00f067aa0ba902b7');
      await runInSpan({ name: 'inner' }, () => {
        expect(currentTrace()!.traceId).toBe(outer.traceId);
        expect(traceparent()).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
      });
    });
    expect(currentTrace()).toBeUndefined();
  });

  it.each(['', 'x', `ff${header.slice(2)}`, `${header}-extra`, header.replace(/4bf9[0-9a-f]{28}/, '0'.repeat(32))])(
    'starts a new trace for the malformed header %j',
    (bad) => expect(parseTraceparent(bad)).toBeUndefined(),
  );

  it('hands errors on', async () => {
    await expect(runInSpan({ name: 'x' }, () => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
  });
});

describe('Metrics', () => {
  it('give out a counter and a histogram whose label values are known as 0, and count on', async () => {
    const metrics = new Metrics('spec');
    const labelValues = { task: ['load', 'unload'], outcome: ['ok', 'failed'] };
    const tasks = metrics.counter({ name: 'tasks_total', help: 'h', labelValues });
    const times = metrics.histogram({
      name: 'task_seconds',
      help: 'h',
      labelValues: { outcome: ['ok', 'failed'] },
      buckets: [1],
    });
    tasks.inc({ task: 'load', outcome: 'failed' });
    expect((await tasks.get()).values.map(({ labels, value }) => `${labels.task} ${labels.outcome} ${value}`)).toEqual([
      'load ok 0',
      'load failed 1',
      'unload ok 0',
      'unload failed 0',
    ]);
    const counts = (await times.get()).values.filter(({ metricName }) => metricName?.endsWith('_count'));
    expect(counts.map(({ labels, value }) => `${labels.outcome} ${value}`)).toEqual(['ok 0', 'failed 0']);
    metrics.close();
  });

  it('prefixes names, gives the same metric again, and survives a failing collector', async () => {
    const metrics = new Metrics('data-prep');
    const counter = metrics.counter({ name: 'rows_total', help: 'Rows.', labelNames: ['outcome'] });
    expect(metrics.counter({ name: 'rows_total', help: 'Rows.' })).toBe(counter);
    counter.inc({ outcome: 'kept' }, 3);
    metrics.gauge({
      name: 'lag_rows',
      help: 'Lag.',
      collect: () => {
        throw new Error('database gone');
      },
    });
    await metrics.page();
    const { body } = await metrics.page();
    expect(body).toContain('millrace_data_prep_rows_total{outcome="kept"} 3');
    expect(body).toContain('millrace_data_prep_event_loop_delay_seconds{quantile="0.99"}');
    expect(body).toMatch(/millrace_data_prep_scrape_errors_total [12]/);
    metrics.close();
  });
});

describe('HealthRegistry', () => {
  it('is ready only between start and drain, and when every check is well', async () => {
    const health = new HealthRegistry(50);
    let broken = false;
    health.addReadiness('database', () => {
      if (broken) throw new Error('connection refused');
    });
    expect((await health.ready()).ok).toBe(false);
    const changes: boolean[] = [];
    health.onChange((ready) => changes.push(ready));
    health.markStarted();
    expect(await health.ready()).toEqual({ ok: true, checks: { database: 'ok' } });
    broken = true;
    expect(await health.ready()).toEqual({ ok: false, checks: { database: 'connection refused' } });
    expect((await health.live()).ok).toBe(true);
    health.drain();
    expect((await health.ready()).checks).toHaveProperty('shutdown');
    expect(changes).toEqual([true, false]);
  });

  it('serves from its first readiness on while a dependency is away, until something of its own is wrong or it stops', async () => {
    const health = new HealthRegistry(50);
    const well = { database: false, worker: true, process: true };
    health.addReadiness('database', () => well.database, { dependency: true });
    health.addReadiness('worker', () => well.worker);
    health.addLiveness('process', () => well.process);
    const serves = async (): Promise<boolean> => (await health.serving()).ok;
    health.markStarted();
    expect(await serves()).toBe(false);
    well.database = true;
    expect(await serves()).toBe(true);
    well.database = false;
    expect([await serves(), (await health.ready()).ok]).toEqual([true, false]);
    well.worker = false;
    expect(await health.serving()).toEqual({ ok: false, checks: { worker: 'not well', process: 'ok' } });
    well.worker = true;
    well.process = false;
    expect(await serves()).toBe(false);
    well.process = true;
    expect(await serves()).toBe(true);
    health.drain();
    expect(await serves()).toBe(false);
  });

  it('does not wait for a check that hangs', async () => {
    const health = new HealthRegistry(20);
    health.markStarted();
    health.addReadiness('slow', () => new Promise(() => undefined));
    health.addLiveness('stuck', () => false);
    expect((await health.ready()).checks).toEqual({ slow: 'no answer within 20 ms', stuck: 'not well' });
  });
});

describe('ShutdownSequence', () => {
  it('runs stages in order whatever the order of registration, once', async () => {
    const sequence = new ShutdownSequence(silentLogger());
    const seen: string[] = [];
    sequence.on('close-pools', 'pool', () => seen.push('pool'));
    sequence.on('readiness-off', 'health', () => seen.push('health'));
    sequence.on('stop-intake', 'http', async () => {
      await Promise.resolve();
      seen.push('http');
    });
    expect(await Promise.all([sequence.run('SIGTERM'), sequence.run('SIGINT')])).toEqual([true, true]);
    expect(seen).toEqual(['health', 'http', 'pool']);
  });

  it('goes on past a step that fails or hangs, within its bound', async () => {
    const sequence = new ShutdownSequence(silentLogger(), 60);
    let closed = false;
    sequence.on('stop-intake', 'stuck', () => new Promise(() => undefined));
    sequence.on('stop-relay', 'bad', () => Promise.reject(new Error('x')));
    sequence.on('close-pools', 'pool', () => (closed = true));
    expect(await sequence.run('test')).toBe(false);
    expect(closed).toBe(true);
  });
});
