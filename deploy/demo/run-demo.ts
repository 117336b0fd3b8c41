// SPDX-License-Identifier: Apache-2.0
import { mintToken, parsePlatformKey, type Role } from '#libs/auth';
import { SystemClock } from '#libs/clock';
import { kafkaOrLog, type Broker } from '#libs/messaging';
import { silentLogger } from '#libs/observability';
import type { Home } from '../local/home';
import { openClients } from './clients';
import { demoSizes, type DemoContext, type DemoState } from './demo-context';
import type { DemoOptions } from './demo-options';
import { readFixture } from './fixture';
import { finalReport } from './report';
import { canaries } from './stages/canary';
import { liveTraffic } from './stages/live-traffic';
import { prepareData } from './stages/prepare-data';
import { retrain } from './stages/retrain';
import { trainFirst } from './stages/train-first';
import type { Story } from './story';
import { WebhookReceiver } from './webhook-receiver';

const TOKEN_SECONDS = 3600;

/** Walks the loop on a running platform and returns the report. Throws when a stage fails or a fact is missing. */
export async function runDemo(options: DemoOptions, home: Home, story: Story): Promise<string> {
  const broker = openBroker(options, home);
  await broker.start();
  const webhook = await WebhookReceiver.start();
  const ana = openClients(options.portBase, await tokenOf(home, 'ana@example.org', 'admin'));
  const ben = openClients(options.portBase, await tokenOf(home, 'ben@example.org', 'approver'));
  const state = { requests: 0, failedRequests: 0 } as DemoState;
  const context: DemoContext = {
    options,
    sizes: demoSizes[options.scale],
    story,
    ana,
    ben,
    fixture: readFixture(),
    broker,
    webhook,
    state,
  };
  try {
    await story.stage('Data in: ingest, profile, prepare', () => prepareData(context));
    await story.stage('First model: fine-tune, evaluate, approve, serve', () => trainFirst(context));
    await story.stage('Live traffic turns, people judge, some lie', () => liveTraffic(context));
    await story.stage('Feedback becomes the next version', () => retrain(context));
    await story.stage('Canaries: one promoted, one rolled back', () => canaries(context));
    return await finalReport(context);
  } finally {
    ana.close();
    ben.close();
    await webhook.stop();
    await broker.close();
  }
}

function openBroker(options: DemoOptions, home: Home): Broker {
  const settings = {
    broker: options.broker,
    eventLogUrl: home.readState()?.databaseUrls.events ?? '',
    kafkaBrokers: (process.env.KAFKA_BROKERS ?? '').split(',').filter((entry) => entry !== ''),
  };
  return kafkaOrLog(settings, { service: 'demo', logger: silentLogger(), clock: new SystemClock() });
}

/** A token as `npm run token` makes it, for one person of the story. */
function tokenOf(home: Home, subject: string, role: Role): Promise<string> {
  const key = parsePlatformKey(home.secrets().signingKey);
  return mintToken(key, { subject, roles: { default: role }, expiresInSeconds: TOKEN_SECONDS });
}
