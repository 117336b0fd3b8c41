// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventPublisher } from '#libs/messaging';
import { Metrics, silentLogger } from '#libs/observability';
import type { UnitOfWork } from '#libs/persistence';
import { eventually } from '#libs/testing';
import type { GatewaySettings } from '../src/config';
import { GatewayMetrics } from '../src/gateway.metrics';
import type { Inference } from '../src/inferences/inference';
import { InferenceJournal } from '../src/inferences/inference-journal';
import { RecordInferences } from '../src/inferences/record-inferences';

jest.setTimeout(40_000);

const MIB = 1024 * 1024;
/** As much as an endpoint may capture; as JSON it has six times as much. */
const text = '\u0001'.repeat(65_536);
const events = Array.from(
  { length: 60 },
  (_, index) =>
    ({
      inferenceId: `e-${index}`,
      workspace: 'default',
      requestTime: new Date(1_000),
      chosen: { arm: 'none', target: {} },
      inputText: text,
      outputText: text,
      errorCode: '',
      finishReason: '',
      responseId: '',
    }) as unknown as Inference,
);

describe('finished requests with long texts', () => {
  let workDir: string;
  let written: string[];
  let batchBytes: number[];
  const leave = async (lines: readonly unknown[]): Promise<string> => {
    const ended = spawnSync(process.execPath, ['-e', '0']).pid;
    const path = join(workDir, 'inference-events', `${ended}-${randomUUID()}.jsonl`);
    await mkdir(join(workDir, 'inference-events'), { recursive: true });
    await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return path;
  };
  const recordInferences = (): RecordInferences => {
    const run = (work: (tx: object) => Promise<unknown>): Promise<unknown> => work({});
    const publishMany = async (_tx: unknown, _type: unknown, batch: { id: string; data: object }[]): Promise<void> => {
      written.push(...batch.map(({ id }) => id));
      batchBytes.push(Buffer.byteLength(JSON.stringify(batch.map(({ data }) => data))));
    };
    const settings = { workDir, eventQueueMax: 100, eventQueueBytesMax: 1e9, eventFlushMs: 60_000, workDirOutlivesProcess: true };
    return new RecordInferences(
      { run } as unknown as UnitOfWork,
      { publishMany } as unknown as EventPublisher,
      new GatewayMetrics(new Metrics('gateway')),
      silentLogger(),
      settings as GatewaySettings,
    );
  };

  beforeEach(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'millrace-journal-'));
    [written, batchBytes] = [[], []];
  });
  afterEach(() => rm(workDir, { recursive: true, force: true }));

  it.each(['in the queue', 'left by a killed process'])(
    'are written a few megabytes at a time, without a pause: %s',
    async (where) => {
      const writer = recordInferences();
      if (where === 'in the queue') for (const each of events) await writer.execute(each);
      else await leave(events);
      await writer.start();
      // The last batch of a queue waits for company, the others follow each other.
      await eventually(() => written.length > events.length - 20);
      await writer.drain(1000);
      expect(written).toEqual(events.map(({ inferenceId }) => inferenceId));
      expect(Math.max(...batchBytes)).toBeLessThan(13 * MIB);
      expect((await readdir(join(workDir, 'inference-events'))).length).toBe(0);
    },
  );

  it('of processes that were killed one after the other are read a file at a time', async () => {
    const [first, second] = [await leave([events[0]]), await leave([events[1]])];
    await utimes(first, new Date(0), new Date(0));
    const journal = new InferenceJournal(workDir, () => undefined);
    const orphans = journal.orphans(Date.now());
    expect((await orphans.next()).value).toMatchObject({ path: first, inferences: [{ inferenceId: 'e-0' }] });
    // Not read yet.
    await writeFile(second, `${JSON.stringify(events[2])}\n`);
    expect((await orphans.next()).value).toMatchObject({ path: second, inferences: [{ inferenceId: 'e-2' }] });
    expect((await orphans.next()).done).toBe(true);
  });
});
