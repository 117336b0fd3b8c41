// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished, pipeline } from 'node:stream/promises';
import { newId } from '#libs/clock';
import type { ContractRows } from '../trainers/trainer-contract';
import { TrainingErrors } from './jobs.errors';
import type { RowCheck } from './row-check';

/** Longest line of an export, in bytes. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

export interface StageOptions {
  /** Rows as JSON lines, cut anywhere. */
  source: AsyncIterable<Uint8Array>;
  /** Absolute path of the file to write; `<target>.json` beside it tells its rows and hash. */
  target: string;
  check: RowCheck;
  rowsMax: number;
}

export type StagedFile = Omit<ContractRows, 'file'>;

/**
 * Streams rows through the check into a file with bounded memory. The file appears only when every row was read and fits: whoever finds
 * it need not check again. Two processes that do so at once (one has lost the job and was not told yet) write the same, each on its own.
 */
export async function stageRows(options: StageOptions): Promise<StagedFile> {
  const { source, target, check, rowsMax } = options;
  const partial = `${target}.${newId()}.partial`;
  await mkdir(dirname(target), { recursive: true });
  const file = createWriteStream(partial);
  // The stream fails later than the write that caused it; the error surfaces in finished().
  const closed = finished(file);
  closed.catch(() => undefined);
  const hash = createHash('sha256');
  let rows = 0;
  try {
    for await (const line of readLines(source)) {
      if (check.rowCount >= rowsMax)
        throw TrainingErrors.ROWS_INVALID(`the dataset version has more than ${rowsMax} rows`, { rowsMax });
      const example = check.read(line);
      if (!example) continue;
      const bytes = Buffer.from(`${JSON.stringify(example)}\n`);
      hash.update(bytes);
      rows += 1;
      if (!file.write(bytes)) await once(file, 'drain');
    }
    file.end();
    await closed;
  } catch (error) {
    file.destroy();
    await rm(partial, { force: true });
    throw error;
  }
  const staged: StagedFile = { rows, sha256: hash.digest('hex') };
  if (check.violations().length > 0) {
    await rm(partial, { force: true });
    return staged;
  }
  await rename(partial, target);
  await writeFile(`${target}.json`, JSON.stringify(staged));
  return staged;
}

/**
 * What an earlier stageRows wrote, or undefined when it is not whole: after a power cut the file may have half of its bytes. The worker
 * checks the hash as well, but can only fail, each attempt anew.
 */
export async function findStaged(target: string): Promise<StagedFile | undefined> {
  try {
    const staged = JSON.parse(await readFile(`${target}.json`, 'utf8')) as StagedFile;
    const hash = createHash('sha256');
    await pipeline(createReadStream(target), hash);
    return hash.digest('hex') === staged.sha256 ? staged : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8');
      rest = [];
      restBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start < chunk.length) {
      rest.push(Buffer.from(chunk.subarray(start)));
      restBytes += chunk.length - start;
      if (restBytes > LINE_BYTES_MAX)
        throw TrainingErrors.ROWS_INVALID(`a row is larger than ${LINE_BYTES_MAX} bytes`, { lineBytesMax: LINE_BYTES_MAX });
    }
  }
  const last = Buffer.concat(rest).toString('utf8');
  if (last.trim() !== '') yield last;
}
