// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newId } from '#libs/clock';
import { ShutdownSequence } from '#libs/observability';
import { Database, openPersistence, type Queryable } from '#libs/persistence';
import { eventually } from '#libs/testing';
import { DeliverWebhooks } from '../src/webhooks/deliver-webhooks';
import { WebhookCalls, WORKSPACE_CALLS_MAX } from '../src/webhooks/webhook-calls';
import { WebhooksRepository } from '../src/webhooks/webhooks.repository';
import { MonitoringHarness, WebhookReceiver, type Json } from './monitoring-harness';

jest.setTimeout(90_000);

const timeoutMs = 30_000;

/** Takes every call and never answers. */
class HangingReceiver {
  calls = 0;
  private readonly server: Server = createServer(() => (this.calls += 1));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function insertDelivery(db: Queryable, workspace: string, url: string): Promise<string> {
  const id = newId();
  await db.query(
    `insert into webhook_deliveries (workspace, id, webhook_id, alert_id, url, body, state) values ($1, $2, 'w', 'a', $3, $4, 'pending')`,
    [workspace, id, url, JSON.stringify({ id })],
  );
  return id;
}

const deliveryOf = async (db: Queryable, id: string): Promise<Json> =>
  (
    await db.query(
      'select state, attempts, fence::int, attempt_time <= now() as due, last_error from webhook_deliveries where id = $1',
      [id],
    )
  )[0];

describe('a webhook receiver that hangs', () => {
  let harness: MonitoringHarness;
  let hanging: HangingReceiver;
  let hangingUrl: string;
  let receiver: WebhookReceiver;

  beforeAll(async () => {
    hanging = new HangingReceiver();
    hangingUrl = await hanging.start();
    receiver = await WebhookReceiver.start();
    // As long as a call may take, and longer than all of this.
    harness = await MonitoringHarness.start({ WEBHOOK_TIMEOUT_SECONDS: '60' });
  });
  afterAll(async () => {
    await harness.close();
    await Promise.all([receiver.close(), hanging.close()]);
  });

  it('holds up neither the webhooks of other workspaces nor the evaluations', async () => {
    const db = harness.service.get(Database);
    for (let i = 0; i < 60; i += 1) await insertDelivery(db, 'hostile', hangingUrl);
    await eventually(() => expect(hanging.calls).toBe(WORKSPACE_CALLS_MAX), { timeoutMs });
    const config = { evaluateSeconds: 1, noDataSeconds: 1 };
    await harness.call('POST', '/api/v1/webhooks', { name: 'pager', url: receiver.url });
    await harness.call('POST', '/api/v1/monitors', {
      ...{ name: 'silence', kind: 'no_data', endpoint: 'silent', modelName: 'glossary', config },
    });
    await eventually(() => expect(receiver.bodies).toMatchObject([{ status: 'firing', receiver: 'pager' }]), { timeoutMs });
    // Its own calls are bounded, and none of them is over.
    expect(hanging.calls).toBe(WORKSPACE_CALLS_MAX);
    expect(await db.query(`select distinct attempts from webhook_deliveries where workspace = 'hostile' order by 1`)).toEqual([
      { attempts: 0 },
      { attempts: 1 },
    ]);
  });

  it('does not hold up the stop: its calls are broken off and stay due for another process', async () => {
    const { databaseUrl } = harness.service;
    expect(harness.service.get(WebhookCalls).hasRoom('hostile')).toBe(false);
    // True when no step of the stop took longer than it may: a call has 60 s, the stop of the loops 12 s.
    expect(await harness.service.get(ShutdownSequence).run('spec')).toBe(true);
    const other = openPersistence({ databaseUrl, applicationName: 'spec' });
    try {
      const rows = await other.database.query(
        `select attempts, fence > 0 as called, attempt_time <= now() as due, state, count(*)::int as count
         from webhook_deliveries where workspace = 'hostile' group by 1, 2, 3, 4 order by called`,
      );
      const due = { attempts: 0, due: true, state: 'pending' };
      expect(rows).toEqual([
        { ...due, called: false, count: 60 - WORKSPACE_CALLS_MAX },
        { ...due, called: true, count: WORKSPACE_CALLS_MAX },
      ]);
    } finally {
      await other.close();
    }
  });
});

describe('deliveries', () => {
  let harness: MonitoringHarness;
  let receiver: WebhookReceiver;
  let db: Database;

  beforeAll(async () => {
    // No timer looks for work meanwhile: the spec does.
    harness = await MonitoringHarness.start({ EVALUATION_INTERVAL_MS: '600000' });
    receiver = await WebhookReceiver.start();
    db = harness.service.get(Database);
  });
  beforeEach(async () => {
    await db.query('delete from webhook_deliveries');
    receiver.bodies.length = 0;
    receiver.statusCode = 200;
  });
  afterAll(async () => {
    await receiver.close();
    await harness.close();
  });

  const webhooks = (): WebhooksRepository => harness.service.get(WebhooksRepository);
  const claim = async (workspace: string) =>
    webhooks().claim(db, { workspace, dueTime: (await webhooks().due(db)).dueTime, leaseSeconds: 30 });

  it('are due by workspace, however many one has', async () => {
    for (const workspace of ['b', 'a', 'c', 'b', 'b', 'd']) await insertDelivery(db, workspace, receiver.url);
    await db.query(`update webhook_deliveries set attempt_time = now() + interval '1 hour' where workspace = 'c'`);
    await db.query(`update webhook_deliveries set state = 'failed' where workspace = 'd'`);
    expect((await webhooks().due(db)).workspaces).toEqual(['a', 'b']);
    await db.query('delete from webhook_deliveries');
    expect((await webhooks().due(db)).workspaces).toEqual([]);
  });

  it('are not tried again in the look that they failed in, though they are due again before it ends', async () => {
    const first = await insertDelivery(db, 'default', receiver.url);
    await insertDelivery(db, 'default', receiver.url);
    receiver.statusCode = 500;
    const claims = jest.spyOn(webhooks(), 'claim');
    // Before the look goes on: the first call has failed, and its back-off is over.
    claims.mockImplementationOnce((...args) => {
      const original = Object.getPrototypeOf(webhooks()).claim as WebhooksRepository['claim'];
      claims.mockImplementationOnce(async (...later) => {
        await harness.service.get(WebhookCalls).ended();
        await db.query('update webhook_deliveries set attempt_time = clock_timestamp() where id = $1', [first]);
        return original.apply(webhooks(), later);
      });
      return original.apply(webhooks(), args);
    });
    expect(await harness.service.get(DeliverWebhooks).execute()).toEqual({ started: 2, isMore: false });
    await harness.service.get(WebhookCalls).ended();
    claims.mockRestore();
    expect(receiver.bodies).toHaveLength(2);
    expect(await deliveryOf(db, first)).toMatchObject({ state: 'pending', attempts: 1, due: true });
  });

  it('that are left for lack of room are said to be there', async () => {
    for (let i = 0; i <= WORKSPACE_CALLS_MAX; i += 1) await insertDelivery(db, 'default', receiver.url);
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    const settle = jest.spyOn(webhooks(), 'settle').mockImplementation(() => held);
    expect(await harness.service.get(DeliverWebhooks).execute()).toEqual({ started: WORKSPACE_CALLS_MAX, isMore: true });
    go();
    await harness.service.get(WebhookCalls).ended();
    settle.mockRestore();
  });

  it('are given back only by who holds them', async () => {
    const id = await insertDelivery(db, 'default', receiver.url);
    const late = (await claim('default'))!;
    await db.query('update webhook_deliveries set attempt_time = now()');
    const holder = (await claim('default'))!;
    await webhooks().release(db, late);
    expect(await deliveryOf(db, id)).toMatchObject({ attempts: 2, fence: 2, due: false });
    await webhooks().release(db, holder);
    expect(await deliveryOf(db, id)).toMatchObject({ state: 'pending', attempts: 1, fence: 2, due: true });
  });
});
