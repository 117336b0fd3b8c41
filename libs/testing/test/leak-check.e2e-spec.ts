// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { testDatabaseUrl } from '../src/test-database';
import { projectRoot } from '../src/project-root';

jest.setTimeout(60_000);

describe('a spec that leaves something open', () => {
  const runFixture = (leave: string): { status: number | null; output: string } => {
    const root = projectRoot();
    const config = {
      rootDir: root,
      testEnvironment: join(root, 'libs/testing/src/jest-environment.ts'),
      transform: { '^.+\\.(ts|js|mjs)$': ['@swc/jest', { swcrc: true }] },
      moduleNameMapper: { '^#libs/([^/]+)$': '<rootDir>/libs/$1/src/index.ts' },
      modulePathIgnorePatterns: ['<rootDir>/dist/'],
      testMatch: ['<rootDir>/libs/testing/test/fixtures/leaves-open.ts'],
    };
    const { PATH, HOME } = process.env;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/jest/bin/jest.js'), '--config', JSON.stringify(config), '--runInBand', '--forceExit'],
      { cwd: root, encoding: 'utf8', env: { PATH, HOME, LEAVE: leave, MILLRACE_TEST_DATABASE_URL: testDatabaseUrl('postgres') } },
    );
    return { status, output: stdout + stderr };
  };

  it.each([
    ['pool', /left open: connection \d+ -> 127\.0\.0\.1/],
    ['server', /left open: server on .*"port"/],
    ['consumer', /left open: connection/],
  ])('fails, and says what: %s', (leave, complaint) => {
    const { status, output } = runFixture(leave);
    expect(output).toMatch(complaint);
    expect(status).toBe(1);
  });

  it('passes when everything was closed', () => {
    expect(runFixture('nothing')).toMatchObject({ status: 0 });
  });
});
