// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenApiDocument } from '#libs/http';
import { encodePageToken } from '#libs/persistence';
import { projectRoot } from '#libs/testing';
import type { ProcessName } from '../../../deploy/local/processes';
import { LaunchedPlatform } from '../../support/launched-platform';

const id = '01a2244e-e211-7244-9ff7-eaf8fc48be86';
const time = '2026-11-28T00:00:00.000Z';

// Well-formed ones of each shape that a list may have, of a list that does not exist: SQL would take their keys.
const TOKENS = [
  'garbage',
  Buffer.from('[2,"x","y","z"]').toString('base64url'),
  ...[['a'], [7], [id], [time, id], [time, 'a', 'b'], [time, null], [`${time} ${id}`]].map((keys) =>
    encodePageToken(keys, ['another list', 'default']),
  ),
];

/** Every list of the platform that needs no name or id in its path, from the documents. */
function listsOfAll(): [process: ProcessName, path: string][] {
  const folder = join(projectRoot(), 'docs', 'openapi');
  return readdirSync(folder).flatMap((file) => {
    const { paths } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as OpenApiDocument;
    const isList = (path: string): boolean => {
      const parameters = (paths[path].get?.parameters ?? []) as { name: string }[];
      return !path.includes('{') && parameters.some(({ name }) => name === 'pageToken');
    };
    return Object.keys(paths)
      .filter(isList)
      .map((path): [ProcessName, string] => [file.replace(/\.json$/, '') as ProcessName, path]);
  });
}

describe('page tokens', () => {
  let platform: LaunchedPlatform;
  beforeAll(async () => {
    platform = await LaunchedPlatform.start();
  }, 120_000);
  afterAll(() => platform?.stop(), 60_000);

  it('of another list, and what is none, are refused by their field at every list', async () => {
    const lists = listsOfAll();
    expect(lists.length).toBeGreaterThan(15);
    const wrong: string[] = [];
    for (const [name, path] of lists) {
      for (const token of TOKENS) {
        const answer = await fetch(`${platform.http(name)}${path}?pageToken=${token}`, { headers: { connection: 'close' } });
        const { errors } = (await answer.json()) as { errors?: { field: string }[] };
        const fields = (errors ?? []).map(({ field }) => field).join();
        if (answer.status !== 400 || fields !== 'pageToken')
          wrong.push(`${name} ${path} answered ${answer.status} [${fields}] to ${Buffer.from(token, 'base64url').toString()}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 60_000);
});
