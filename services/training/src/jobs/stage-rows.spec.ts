// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobViolation } from './failure';
import { ROW_ID, RowCheck } from './row-check';
import { findStaged, stageRows } from './stage-rows';
import { parseTemplate } from './template';

function check(): RowCheck {
  const faults: JobViolation[] = [];
  const [prompt, answer] = [parseTemplate('{text}', 'p', faults)!, parseTemplate('{label}', 'a', faults)!];
  return new RowCheck({ field: 'inputs[0]', prompt, answer, labels: new Set(), violationsMax: 5 });
}

const row = (text: string | null): Buffer => Buffer.from(`${JSON.stringify({ [ROW_ID]: text, text, label: 'l' })}\n`);

describe('staged rows', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-stage-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are no file when a row does not fit: who found it would take it for checked', async () => {
    const target = join(folder, 'rows-0.jsonl');
    await stageRows({
      source: (async function* () {
        yield row('a');
        yield row(null);
      })(),
      target,
      check: check(),
      rowsMax: 9,
    });
    expect(await findStaged(target)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('are whole when two processes stage them at once', async () => {
    const target = join(folder, 'rows-0.jsonl');
    let go = (): void => undefined;
    const slow = new Promise<void>((resolve) => (go = resolve));
    const first = stageRows({
      source: (async function* () {
        yield row('a');
        await slow;
        yield row('b');
      })(),
      target,
      check: check(),
      rowsMax: 9,
    });
    const second = await stageRows({
      source: (async function* () {
        yield row('a');
        yield row('b');
      })(),
      target,
      check: check(),
      rowsMax: 9,
    });
    const whole = await readFile(target, 'utf8');
    expect(whole.split('\n')).toHaveLength(3);
    go();
    expect(await first).toEqual(second);
    expect(await readFile(target, 'utf8')).toBe(whole);
  });
});
