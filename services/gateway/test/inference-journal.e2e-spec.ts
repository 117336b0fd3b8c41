// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { appendFile, copyFile, mkdir, mkdtemp, open, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventPublisher } from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import { PersistenceErrors, type UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import type { GatewaySettings } from '../src/config';
import { GatewayMetrics } from '../src/gateway.metrics';
import type { Inference } from '../src/inferences/inference';
import { ABANDONED_MS, InferenceJournal, type Orphan } from '../src/inferences/inference-journal';
import { RecordInferences } from '../src/inferences/record-inferences';
import { GatewayHarness } from './gateway-harness';

jest.setTimeout(40_000);

const inference = (inferenceId: string, inputText = 'a hoofed mammal'): Inference =>
  ({ inferenceId, workspace: 'default', inputText, requestTime: new Date(1_000) }) as Inference;

const endedProcess = (): number => spawnSync(process.execPath, ['-e', '0']).pid;

async function orphansOf(journal: InferenceJournal): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for await (const orphan of journal.orphans(Date.now())) found.push(orphan);
  return found;
}

/** The file of the only journal, named as if another process had written it. */
async function handOver(folder: string, processId: number): Promise<string> {
  const [name] = await readdir(folder);
  const path = join(folder, name.replace(/^\d+/, String(processId)));
  await rename(join(folder, name), path);
  return path;
}

describe('InferenceJournal', () => {
  let workDir: string;
  let failures: unknown[];
  let opened: InferenceJournal[];
  const folder = (): string => join(workDir, 'inference-events');
  const journal = async (): Promise<InferenceJournal> => {
    const made = new InferenceJournal(workDir, (error) => failures.push(error), 30_000);
    opened.push(made);
    await made.touch();
    return made;
  };
  beforeEach(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'millrace-journal-'));
    failures = [];
    opened = [];
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const each of opened) await each.close();
    await rm(workDir, { recursive: true, force: true });
  });

  it('gives what a killed process had not written yet to the next one, and a cut last line is no event', async () => {
    const killed = await journal();
    await Promise.all([killed.append(inference('a')), killed.append(inference('b')), killed.append(inference('c'))]);
    await appendFile(await handOver(folder(), endedProcess()), '{"inferenceId":"d","inp');
    const next = await journal();
    const [orphan, ...others] = await orphansOf(next);
    expect(others).toEqual([]);
    expect(orphan.inferences).toEqual([inference('a'), inference('b'), inference('c')]);
    expect(orphan.unreadable).toBe(1);
    await next.discard(orphan);
    expect(await orphansOf(next)).toEqual([]);
    await next.close();
    expect(await readdir(folder())).toEqual([]);
  });

  it('leaves the file of a living process alone until nobody has touched it for long', async () => {
    const frozen = await journal();
    await frozen.append(inference('a'));
    const path = await handOver(folder(), process.ppid);
    const next = await journal();
    expect(await orphansOf(next)).toEqual([]);
    const long = new Date(Date.now() - ABANDONED_MS - 1_000);
    await utimes(path, long, long);
    expect(await orphansOf(next)).toHaveLength(1);
  });

  it('begins a new file when its own was taken meanwhile', async () => {
    const frozen = await journal();
    await rm(folder(), { recursive: true });
    await frozen.touch();
    await frozen.append(inference('b'));
    await handOver(folder(), endedProcess());
    expect((await orphansOf(await journal()))[0].inferences).toEqual([inference('b')]);
  });

  it('removes nothing that waits, and everything once it is written, over several files', async () => {
    const own = await journal();
    const texts = Array.from({ length: 12 }, (_, index) => inference(`e-${index}`, 'x'.repeat(1024 * 1024)));
    for (const each of texts) await own.append(each);
    expect((await readdir(folder())).length).toBeGreaterThan(2);
    expect(own.holds(texts[0])).toBe(true);
    await own.forget(texts.slice(0, 11));
    await own.close();
    const left = await readdir(folder());
    expect(left).toHaveLength(1);
    await handOver(folder(), endedProcess());
    const next = await journal();
    const [orphan] = await orphansOf(next);
    expect(orphan.inferences.map((each) => each.inferenceId)).toContain('e-11');
  });

  it('lets answers go on, and counts and tells it, when the folder cannot be made', async () => {
    const blocked = new InferenceJournal(join(workDir, 'file'), (error) => failures.push(error));
    await writeFile(join(workDir, 'file'), '');
    await expect(blocked.touch()).rejects.toMatchObject({ code: 'ENOTDIR' });
    await blocked.append(inference('a'));
    expect([blocked.unprotected, blocked.holds(inference('a'))]).toEqual([1, false]);
  });

  it('never waits again for an event that was written before its line was', async () => {
    const own = await journal();
    const first = own.append(inference('a'));
    const second = own.append(inference('b'));
    await own.forget([inference('a'), inference('b')]);
    await Promise.all([first, second]);
    await own.forget([]);
    await own.close();
    expect([await readdir(folder()), failures, own.unprotected]).toEqual([[], [], 0]);
  });

  it('holds up no answer for longer than promised while the disk hangs, also those that come during the write that does', async () => {
    const own = new InferenceJournal(workDir, (error) => failures.push(error), 50);
    opened.push(own);
    await own.touch();
    const disk = await hangingDisk();
    try {
      const startMs = performance.now();
      const taken = own.append(inference('a'));
      const later = [own.append(inference('b')), own.append(inference('c'))];
      await Promise.all([taken, ...later]);
      await own.append(inference('d'));
      // A busy machine may be late, but a hang that never ends is not waited for.
      expect(performance.now() - startMs).toBeLessThan(5_000);
      expect([own.unprotected, ['a', 'b', 'c', 'd'].map((id) => own.holds(inference(id)))]).toEqual([
        4,
        [false, false, false, false],
      ]);
    } finally {
      disk.goOn();
    }
    await eventually(() => own.holds(inference('c')));
    expect([own.unprotected, own.holds(inference('a')), failures]).toEqual([4, true, []]);
    await own.close();
    await handOver(folder(), endedProcess());
    const [orphan] = await orphansOf(await journal());
    expect(orphan.inferences.map((each) => each.inferenceId)).toEqual(['a', 'b', 'c']);
  });

  it('waits for the lines that it has, late as they are, before it closes', async () => {
    const own = new InferenceJournal(workDir, (error) => failures.push(error), 1);
    opened.push(own);
    await own.touch();
    const disk = await hangingDisk();
    await Promise.all([own.append(inference('a')), own.append(inference('b'))]);
    const closed = own.close();
    disk.goOn();
    await closed;
    await handOver(folder(), endedProcess());
    const [orphan] = await orphansOf(await journal());
    expect([orphan.inferences.map((each) => each.inferenceId), failures]).toEqual([['a', 'b'], []]);
  });
});

/** Appends wait until `goOn`. */
async function hangingDisk(): Promise<{ goOn: () => void }> {
  const handle = await open(__filename);
  const files = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const append = files.appendFile;
  let goOn = (): void => undefined;
  const hang = new Promise<void>((resolve) => (goOn = resolve));
  jest.spyOn(files, 'appendFile').mockImplementation(async function (this: typeof handle, ...args) {
    await hang;
    return append.apply(this, args);
  });
  return { goOn };
}

describe('RecordInferences on a journal', () => {
  let workDir: string;
  let failure: Error | undefined;
  let tries: number;
  let written: string[];
  const folder = (): string => join(workDir, 'inference-events');
  const event = (inferenceId: string): Inference =>
    ({
      ...inference(inferenceId),
      chosen: { arm: 'none', target: {} },
      outputText: '',
      errorCode: '',
      finishReason: '',
      responseId: '',
    }) as Inference;

  const recordInferences = (settings: Partial<GatewaySettings> = {}): RecordInferences => {
    const run = async (work: (tx: object) => Promise<unknown>): Promise<unknown> => {
      tries += 1;
      if (failure) throw failure;
      return work({});
    };
    const publishMany = async (_tx: unknown, _type: unknown, events: { id: string }[]): Promise<void> => {
      written.push(...events.map(({ id }) => id));
    };
    const all = {
      workDir,
      eventQueueMax: 100,
      eventQueueBytesMax: 1e9,
      eventFlushMs: 20,
      workDirOutlivesProcess: true,
      ...settings,
    } as GatewaySettings;
    const ports = [{ run } as unknown as UnitOfWork, { publishMany } as unknown as EventPublisher] as const;
    return new RecordInferences(...ports, new GatewayMetrics(new Metrics('gateway')), silentLogger(), all);
  };

  beforeEach(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'millrace-journal-'));
    [failure, tries, written] = [undefined, 0, []];
  });
  afterEach(() => rm(workDir, { recursive: true, force: true }));

  it('keeps the file of an ended process until the database has taken its events, whatever the outage is called', async () => {
    const name = `${endedProcess()}-${randomUUID()}.jsonl`;
    await mkdir(folder(), { recursive: true });
    await writeFile(join(folder(), name), `${JSON.stringify(event('a'))}\n${JSON.stringify(event('b'))}\n`);
    failure = PersistenceErrors.QUERY_FAILED('the database answered SQLSTATE 42501', { sqlstate: '42501' });
    const refused = recordInferences();
    await refused.start();
    await eventually(() => tries > 0);
    await refused.drain(1);
    expect([await readdir(folder()), refused.queue.droppedTotal]).toEqual([[name], 0]);
    failure = undefined;
    const next = recordInferences();
    await next.start();
    await eventually(() => written.length > 0);
    await next.drain(1000);
    expect([await readdir(folder()), written]).toEqual([[], ['a', 'b']]);
  });

  it.each([
    [true, 0, 'the next process on the folder writes them'],
    [false, 3, 'the folder ends with the pod'],
  ])('at a stop without the database, with WORK_DIR_OUTLIVES_PROCESS %s, has dropped %d: %s', async (outlives, dropped) => {
    failure = PersistenceErrors.UNAVAILABLE('the database does not answer');
    const stopped = recordInferences({ workDirOutlivesProcess: outlives });
    await stopped.start();
    await Promise.all(['a', 'b', 'c'].map((id) => stopped.execute(event(id))));
    await stopped.drain(1);
    expect(stopped.queue.droppedTotal).toBe(dropped);
    expect(stopped.queue.listDropped('default', 9).map(({ reason }) => reason)).toEqual(Array(dropped).fill('shutdown'));
    failure = undefined;
    await handOver(folder(), endedProcess());
    const next = recordInferences();
    await next.start();
    await eventually(() => written.length > 0);
    await next.drain(1000);
    // The folder was there after all: told too often is better than not told.
    expect(written).toEqual(['a', 'b', 'c']);
  });
});

describe('a gateway that is killed right after its answers', () => {
  it('loses none of their events: the next one on its folder writes them, also those that were written already', async () => {
    const workDir = await mkdtemp(join(tmpdir(), 'millrace-journal-'));
    const folders = ['killed', 'next'].map((name) => join(workDir, name, 'inference-events'));
    const killed = await GatewayHarness.start({ EVENT_FLUSH_MS: '60000', WORK_DIR: join(workDir, 'killed') });
    try {
      await killed.endpoint('triage');
      const whole = await Promise.all(Array.from({ length: 5 }, () => killed.chat('triage')));
      const streamed = await fetch(`${killed.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'triage', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
      });
      expect(await streamed.text()).toMatch(/data: \[DONE\]\n\n$/);
      const ids = [...whole, streamed].map((reply) => String(reply.headers.get('x-millrace-inference-id')));
      // What is on disk at the moment of the kill, and a copy of it as another process would have left it.
      await mkdir(folders[1], { recursive: true });
      const [name] = await readdir(folders[0]);
      for (let copy = 0; copy < 2; copy += 1)
        await copyFile(join(folders[0], name), join(folders[1], `${endedProcess()}-${randomUUID()}.jsonl`));
      const next = await GatewayHarness.start({ WORK_DIR: join(workDir, 'next') });
      try {
        await eventually(async () => {
          const rows = await next.sql<{ id: string; data: unknown }>(
            `select aggregateid as id from outbox where topic = 'gateway.inference.v1'`,
          );
          expect(rows.map((row) => row.id).sort()).toEqual([...ids].sort());
          return true;
        });
        expect(await next.inference(ids[0])).toMatchObject({ endpoint: 'triage', statusCode: 200 });
        await eventually(async () => {
          expect(await readdir(folders[1])).toHaveLength(1);
          return true;
        });
        const metrics = await (await fetch(`${next.url}/metrics`)).text();
        expect(metrics).toContain('millrace_gateway_inference_events_recovered_total 12');
      } finally {
        await next.close();
      }
    } finally {
      await killed.close();
      await rm(workDir, { recursive: true, force: true });
    }
  });
});
