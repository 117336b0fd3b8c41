// SPDX-License-Identifier: Apache-2.0
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '#libs/storage';
import { AttemptProgress } from '../src/jobs/attempt-progress';
import { RowCheck } from '../src/jobs/row-check';
import { findStaged, stageRows } from '../src/jobs/stage-rows';
import { parseTemplate, type Template } from '../src/jobs/template';
import { DiskWorkFiles } from '../src/jobs/work-files';
import { PROGRESS_FILE } from '../src/trainers/trainer-contract';

const template = (text: string): Template => parseTemplate(text, 'template', [])!;

describe('files of an attempt', () => {
  let folder: string;
  const files = new DiskWorkFiles({} as BlobStore); // nothing is stored here

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-attempt-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('rows that are not what was staged count as none: a power cut may leave a file with half of its bytes', async () => {
    const target = join(folder, 'rows-0.jsonl');
    const check = new RowCheck({
      field: 'inputs[0]',
      prompt: template('{text}'),
      answer: template('{label}'),
      labels: new Set(),
      violationsMax: 1,
    });
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('{"_row_id":"r1","text":"a dog","label":"animal"}\n');
    }
    const staged = await stageRows({ source: source(), target, check, rowsMax: 10 });
    expect(await findStaged(target)).toEqual(staged);
    await truncate(target, 10);
    expect(await findStaged(target)).toBeUndefined();
    await rm(target);
    expect(await findStaged(target)).toBeUndefined();
  });

  it('a line of the trainer that is too long to read does not hide those after it', async () => {
    const path = join(folder, PROGRESS_FILE);
    const progress = new AttemptProgress(files, folder, 0);
    const line = (fields: object): string => `${JSON.stringify({ time: new Date().toISOString(), ...fields })}\n`;
    const note = { type: 'note', level: 'info', message: 'm', data: { text: 'x'.repeat(3_500_000) } };
    await writeFile(path, line({ type: 'checkpoint', step: 1, folder: 'step-1' }) + line(note));
    await progress.poll();
    await appendFile(path, line({ type: 'checkpoint', step: 2, folder: 'step-2' }));
    await progress.poll();
    const { checkpoints, notes, offset } = progress.flush();
    expect(checkpoints.map(({ step }) => step)).toEqual([1, 2]);
    expect(notes).toEqual([]);
    // Who goes on from what is recorded as read goes on with the next line.
    const after = new AttemptProgress(files, folder, offset);
    await appendFile(path, line({ type: 'checkpoint', step: 3, folder: 'step-3' }));
    await after.poll();
    expect(after.flush().checkpoints.map(({ step }) => step)).toEqual([3]);
  });
});
