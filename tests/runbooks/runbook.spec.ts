// SPDX-License-Identifier: Apache-2.0
import { projectRoot } from '#libs/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listRunbooks, parseRunbook } from './runbook';

const strays = (...lines: string[]): string[] => parseRunbook(lines.join('\n'), 'page.md').strays;

describe('the reader of runbooks', () => {
  it('takes blocks with what they are expected to print', () => {
    const { steps } = parseRunbook('# A\n```sh\nls a\nls b\n```\n> expect: ^b$\n\n```sh\nls c\n```\n', 'page.md');
    expect(steps).toEqual([
      { place: 'page.md:2', commands: 'ls a\nls b', expected: /^b$/m },
      { place: 'page.md:8', commands: 'ls c' },
    ]);
  });

  it.each(['`npm run topics:apply`', '`kill -USR2`', '`pg_dump`', '`A=b node x.js`', '`sh`', '```bash', '~~~', '    ls'])(
    'finds a command that nobody executes: %s',
    (line) => {
      expect(strays('text', line)).toHaveLength(1);
    },
  );

  it('takes names for no commands', () => {
    expect(
      strays('`AUTH_ACCEPTED_KEY=<new key>`, `pool_connections{state="waiting"}`, `nobody`, `$LETTER`, `--brokers`'),
    ).toEqual([]);
  });
});

describe('the runbooks', () => {
  it.each(listRunbooks())('%s: has commands, and none outside of the blocks that are executed', (name) => {
    const path = `docs/runbooks/${name}.md`;
    const page = parseRunbook(readFileSync(join(projectRoot(), path), 'utf8'), path);
    expect(page.strays).toEqual([]);
    expect(page.steps).not.toEqual([]);
  });
});
