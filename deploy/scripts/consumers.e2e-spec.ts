// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Client } from 'pg';
import { listTopics } from '#libs/contracts';
import { EventLogBroker, eventLogMigrations } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { createTestDatabase, dropTestDatabase, projectRoot, useTestDatabase } from '#libs/testing';

jest.setTimeout(120_000);

const run = (script: string, args: string[], env: Record<string, string>) => {
  const root = projectRoot();
  const { PATH, HOME } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', join(root, 'libs/testing/ts-hook.cjs'), join(root, 'deploy/scripts', script), ...args],
    { encoding: 'utf8', env: { PATH, HOME, MILLRACE_HOME: join(root, 'no-such-home'), ...env } },
  );
  return { status, stdout, stderr };
};

describe('npm run consumers', () => {
  let url: string;
  const consumers = (...args: string[]) => run('consumers.ts', args, { EVENT_LOG_URL: url });
  const lag = (group: string): { topic: string; partition: number; lag: number; committed: string | null; end: string }[] =>
    consumers('lag', '--json', '--group', group)
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as never);

  beforeAll(async () => {
    url = await createTestDatabase('events', eventLogMigrations);
    const broker = new EventLogBroker({ databaseUrl: url, service: 'spec', logger: silentLogger() });
    await broker.ensureTopics(listTopics());
    await broker.publish(
      Array.from({ length: 5 }, () => ({ topic: 'gateway.inference.v1', key: 'a', value: '{}', headers: {} })),
    );
    await broker.close();
  });
  afterAll(() => dropTestDatabase(url));

  it('lists every group of the topic registry with what waits', () => {
    const { stdout, status } = consumers('list');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^monitoring\.inferences +0 +5 +gateway\.inference\.v1$/m);
    expect(stdout).toMatch(/^gateway\.aliases +0 +0 +registry\.alias\.v1$/m);
  });

  it('moves one partition to an offset, all to a time, and nothing in a dry run', () => {
    const [full] = lag('monitoring.inferences').filter((position) => position.lag === 5);
    expect(full).toMatchObject({ committed: null, end: '5' });
    const where = ['--group', 'monitoring.inferences', '--topic', full.topic, '--partition', String(full.partition)];
    expect(consumers('rewind', ...where, '--to-offset', '3', '--dry-run').stdout).toContain('nothing was changed');
    expect(lag('monitoring.inferences').reduce((sum, position) => sum + position.lag, 0)).toBe(5);
    expect(consumers('rewind', ...where, '--to-offset', '3').stdout).toContain('1 partitions moved');
    expect(lag('monitoring.inferences').reduce((sum, position) => sum + position.lag, 0)).toBe(2);
    expect(consumers('rewind', '--service', 'monitoring', '--to-time', '1h').status).toBe(0);
    expect(lag('monitoring.inferences').reduce((sum, position) => sum + position.lag, 0)).toBe(5);
    expect(consumers('rewind', '--group', 'monitoring.inferences', '--to-end').status).toBe(0);
    expect(lag('monitoring.inferences').reduce((sum, position) => sum + position.lag, 0)).toBe(0);
  });

  it.each([
    [['rewind', '--to-start'], 'say --group or --service'],
    [['rewind', '--group', 'gateway.nothing', '--to-start'], '"gateway.nothing" is none of data-prep.profiles'],
    [['rewind', '--group', 'gateway.aliases'], 'say one of --to-time'],
    [['rewind', '--group', 'gateway.aliases', '--to-start', '--to-end'], 'say one of --to-time'],
    [['rewind', '--group', 'gateway.aliases', '--to-offset', '1'], 'an offset means one partition'],
    [['rewind', '--group', 'gateway.aliases', '--to-time', 'noon'], '--to-time: "noon" is neither'],
    [
      ['rewind', '--group', 'gateway.aliases', '--topic', 'registry.alias.v1', '--partition', '0', '--to-offset', '9'],
      'registry.alias.v1/0 holds 0 to 0, not 9',
    ],
    [['rewind', '--group', 'gateway.aliases', '--partition', '0', '--to-start'], 'say --topic too'],
    [['lag', '--service', 'nothing'], '"nothing" has no consumer group'],
    [['watch'], 'Say list, lag or rewind'],
  ])('names what is wrong with %j', (args, message) => {
    const { status, stderr } = consumers(...args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

describe('npm run outbox', () => {
  const database = useTestDatabase('monitoring');
  const outbox = (...args: string[]) => run('outbox.ts', args, { MONITORING_DATABASE_URL: database.url });

  it('tells what waits, how old it is, and who sends', async () => {
    expect(outbox('status').stdout).toMatch(/^monitoring +0 +0 s +nobody +-$/m);
    await database.db.query(
      `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers, created_at)
       select 'default', gen_random_uuid(), 'monitoring.alert.v1', 'alert', 'a', 't', '{}', '{}', now() - interval '90 seconds'
       from generate_series(1, 3)`,
    );
    const leader = new Client({ connectionString: database.url, application_name: 'millrace-monitoring-relay' });
    await leader.connect();
    try {
      await leader.query("select pg_advisory_lock(hashtextextended('millrace-relay-monitoring', 0))");
      const status = JSON.parse(outbox('status', '--json').stdout) as { oldestSeconds: number };
      expect(status).toMatchObject({ service: 'monitoring', waiting: 3, topics: ['monitoring.alert.v1'] });
      expect(status).toMatchObject({ relay: expect.stringContaining('millrace-monitoring-relay at ') });
      expect(status.oldestSeconds).toBeGreaterThanOrEqual(90);
    } finally {
      await leader.end();
    }
  });

  it('names what is wrong on the command line', () => {
    expect(outbox()).toMatchObject({ status: 2, stderr: expect.stringContaining('Say status') });
  });
});
