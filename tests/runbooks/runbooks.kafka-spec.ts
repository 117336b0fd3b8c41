// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { EventLogBroker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { eventually, projectRoot } from '#libs/testing';
import { Home } from '../../deploy/local/home';
import { LaunchedPlatform } from '../support/launched-platform';
import { feedbackAbout, feedbackHeaders, follow, readRunbook, runbookVariables } from './runbook';

jest.setTimeout(400_000);

const NEW_KEY = 'the-key-that-comes-next-0123456789abcdef';

/** Every command of the runbooks (restore: restore.kafka-spec.ts), in order, on a platform that has the trouble. Needs psql and curl. */
describe('runbooks', () => {
  const env: Record<string, string> = {};
  let platform: LaunchedPlatform;
  let events = 0;

  beforeAll(async () => {
    platform = await LaunchedPlatform.start([], { AUTH_ACCEPTED_KEY: NEW_KEY });
    const home = new Home(platform.home);
    const signingKey = home.secrets().signingKey;
    const eventLogUrl = home.readState()?.databaseUrls['events'];
    Object.assign(env, runbookVariables(platform), { EVENT_LOG_URL: eventLogUrl, NEW_KEY, AUTH_SIGNING_KEY: signingKey });
  }, 200_000);
  afterAll(async () => {
    await platform?.stop();
  }, 60_000);

  const followPage = (name: string): Promise<void> => follow(readRunbook(name), env);
  const query = async <Row>(sql: string): Promise<Row[]> => {
    const client = new Client({ connectionString: env['MONITORING_DATABASE_URL'] });
    await client.connect();
    try {
      return (await client.query(sql)).rows as Row[];
    } finally {
      await client.end();
    }
  };
  const publish = async (values: string[]): Promise<void> => {
    const broker = new EventLogBroker({ databaseUrl: env['EVENT_LOG_URL'], service: 'spec', logger: silentLogger() });
    await broker.publish(
      values.map((value, index) => ({
        topic: 'feedback.v1',
        key: `k${index}`,
        value,
        headers: feedbackHeaders(`runbook-${(events += 1)}`),
      })),
    );
    await broker.close();
  };
  const countFeedback = async (): Promise<number> =>
    Number((await query<{ n: string }>('select count(*) as n from feedback'))[0]?.n);

  it('dead letters: from the alert to an empty list', async () => {
    await publish(['{"broken']);
    await eventually(async () => (await query('select 1 from dead_letters')).length > 0, { timeoutMs: 60_000 });
    env['LETTER'] = (await query<{ id: string }>('select id from dead_letters'))[0]?.id;
    await followPage('dead-letters');
  });

  it('consumer stuck: a frozen process is found and replaced, nothing is lost', async () => {
    const before = await countFeedback();
    env['MONITORING_PID'] = await pidOf('monitoring');
    process.kill(Number(env['MONITORING_PID']), 'SIGSTOP');
    await publish([feedbackAbout('stuck-1'), feedbackAbout('stuck-2')]);
    await followPage('consumer-stuck');
    await eventually(async () => (await countFeedback()) === before + 2, { timeoutMs: 60_000 });
  });

  it('outbox growing: what waits is named, and the relay comes back', async () => {
    await query(
      `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers)
       values ('default', gen_random_uuid(), 'no.such.topic.v1', 'thing', 'a', 't', '{}', '{}')`,
    );
    await followPage('outbox-growing');
  });

  it.each(['broker-down', 'disk-full', 'service-trouble', 'stuck-work', 'key-rotation'])(
    '%s: its commands work as it says',
    followPage,
  );

  it('has no page without commands', () => {
    const pages = readdirSync(join(projectRoot(), 'docs/runbooks')).map((file) => file.replace(/\.md$/, ''));
    expect(pages.filter((page) => readRunbook(page).length === 0)).toEqual([]);
  });

  /** The process that listens there: the launcher's child whose environment has its port. */
  async function pidOf(name: 'monitoring'): Promise<string> {
    const port = platform.http(name).split(':').at(-1) as string;
    const children = readFileSync(`/proc/${platform.program.pid}/task/${platform.program.pid}/children`, 'utf8')
      .trim()
      .split(' ');
    const pid = children.find((child) =>
      readFileSync(`/proc/${child}/environ`, 'utf8').split('\0').includes(`HTTP_PORT=${port}`),
    );
    if (pid === undefined) throw new Error(`no process of ${name}`);
    return pid;
  }
});
