// SPDX-License-Identifier: Apache-2.0
import { seededRandom, SystemClock } from '#libs/clock';
import { testSettings } from '#libs/config';
import { kafkaOrLog, type Broker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import { openPersistence, type Persistence } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { Home } from '../../../deploy/local/home';
import { serviceNames, type ServiceName } from '../../../deploy/local/processes';
import { LaunchedPlatform } from '../../support/launched-platform';
import { SECRET_SETTINGS } from '../../support/platform-secrets';
import { type ExpectedLine, faultsOfPlatform } from '../support/judge-logs';
import { mutationsOf, specimens } from './mutations';

const { fuzzSeed: seed, fuzzExamples } = testSettings();

// PERSISTENCE.INVALID_VALUE: the database refused the value, which is the sender's mistake as well.
const isOurFault = (code: string): boolean =>
  /INTERNAL|PERSISTENCE\.(?!INVALID_VALUE)|HANDLER_TIMEOUT|CRASHED|RETRIES/.test(code);

const EXPECTED_LINES: ExpectedLine[] = [
  {
    message: 'event put aside',
    isExpectedCode: (code) => !isOurFault(code),
    reason: 'somebody must look at each dead letter, also at one that is its sender’s mistake',
  },
];

interface Letter {
  consumer: string;
  code: string;
  message: string;
  payload: Buffer | null;
  headers: Record<string, string>;
}

describe(`every event type, hostile events (seed ${seed})`, () => {
  let platform: LaunchedPlatform;
  let broker: Broker;
  const databases = new Map<ServiceName | 'events', Persistence>();
  const all = specimens();

  beforeAll(async () => {
    platform = await LaunchedPlatform.start([], { LOG_LEVEL: 'debug', ...SECRET_SETTINGS });
    const { databaseUrls } = Home.readState(platform.home) as { databaseUrls: Record<string, string> };
    for (const name of [...serviceNames, 'events'] as const)
      databases.set(name, openPersistence({ databaseUrl: databaseUrls[name], applicationName: 'event-fuzz', connectionsMax: 2 }));
    const settings = { broker: 'event-log' as const, eventLogUrl: databaseUrls.events, kafkaBrokers: [] };
    broker = kafkaOrLog(settings, { service: 'fuzz', logger: silentLogger(), clock: new SystemClock() });
    await broker.start();
  }, 120_000);
  afterAll(async () => {
    await broker?.close();
    await Promise.all([...databases.values()].map((persistence) => persistence.close()));
    await platform?.stop();
  }, 60_000);

  const query = async <Row>(name: ServiceName | 'events', sql: string): Promise<Row[]> =>
    (databases.get(name) as Persistence).database.query<Row>(sql);
  const groups = async (): Promise<string[]> =>
    (await query<{ name: string }>('events', 'select distinct group_name as name from claims order by 1')).map(
      ({ name }) => name,
    );

  it('are handled, or put aside with a reason that is the sender’s mistake; every consumer gets through', async () => {
    const random = seededRandom(seed);
    let sent = 0;
    for (const specimen of all) {
      const messages = mutationsOf(specimen, fuzzExamples, random);
      await broker.publish(messages);
      sent += messages.length;
    }
    expect(sent).toBeGreaterThan(all.length * 30);
    await eventually(
      async () => {
        const behind: string[] = [];
        for (const group of await groups()) {
          const left = (await broker.lag(group)).reduce((sum, { lag }) => sum + lag, 0);
          if (left > 0) behind.push(`${group} ${left}`);
        }
        if (behind.length > 0) throw new Error(`still behind: ${behind.join(', ')}`);
        return true;
      },
      { timeoutMs: 240_000, intervalMs: 1_000 },
    );
    expect((await groups()).length).toBeGreaterThanOrEqual(13);
  }, 300_000);

  it('put no event aside for an error of ours', async () => {
    const found: string[] = [];
    let letters = 0;
    for (const service of serviceNames) {
      const rows = await query<Letter>(service, 'select consumer, code, message, payload, headers from dead_letters');
      letters += rows.length;
      for (const { consumer, code, message, headers, payload } of rows) {
        expect([code, message]).not.toContain('');
        if (isOurFault(code))
          found.push(`${consumer} ${code} ${message}: ${headers['ce_type']} ${String(payload).slice(0, 400)}`);
      }
    }
    expect(letters).toBeGreaterThan(100);
    expect(found.slice(0, 40)).toEqual([]);
  }, 30_000);

  it('leave every process alive and ready, and good events still have their effect', async () => {
    for (const service of serviceNames) {
      const answer = await fetch(`${platform.http(service)}/health/ready`, { headers: { connection: 'close' } });
      expect([service, answer.status]).toEqual([service, 200]);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    const feedback = await query<{ n: string }>('monitoring', "select count(*) as n from feedback where workspace = 'fuzzed'");
    expect(Number(feedback[0].n)).toBeGreaterThan(0);
  }, 30_000);

  it('restart no process, and leave no error and no secret in any log', () => {
    const { home, program } = platform;
    expect(faultsOfPlatform({ home, output: program.output }, { expected: EXPECTED_LINES }).slice(0, 20)).toEqual([]);
  });
});
