// SPDX-License-Identifier: Apache-2.0
import { Client } from 'pg';
import { eventually } from '#libs/testing';
import { GatewayHarness } from './gateway-harness';

jest.setTimeout(40_000);

describe('inference events', () => {
  it('wait while the database is away, lose nothing, and answers do not wait for them', async () => {
    const gateway = await GatewayHarness.start({ POOL_MAX: '3' });
    const admin = new Client({ connectionString: gateway.service.databaseUrl });
    try {
      await gateway.endpoint('triage');
      await admin.connect();
      // A lock on the outbox: nothing can be written, as with a database that hangs.
      await admin.query('begin; lock table outbox in access exclusive mode');
      const answers = await Promise.all(Array.from({ length: 40 }, () => gateway.chat('triage')));
      expect(answers.every((reply) => reply.status === 200)).toBe(true);
      await admin.query('commit');
      const ids = answers.map((reply) => reply.headers.get('x-millrace-inference-id')!);
      await eventually(async () => {
        const rows = await gateway.sql<{ aggregateid: string }>(
          `select aggregateid from outbox where topic = 'gateway.inference.v1'`,
        );
        expect(rows.map((row) => row.aggregateid).sort()).toEqual([...ids].sort());
        return true;
      });
    } finally {
      await admin.end();
      await gateway.close();
    }
  });

  it('wait while the database refuses all of them, none is given up for it, and all are written when it takes them again', async () => {
    const gateway = await GatewayHarness.start();
    try {
      await gateway.endpoint('triage');
      // A right that is missing, as SQLSTATE 42501; a sequence counts also what is rolled back.
      await gateway.sql(`create sequence refused`);
      await gateway.sql(`create function refuse() returns trigger language plpgsql as
        $$ begin perform nextval('refused'); raise exception 'no right' using errcode = '42501'; end $$`);
      await gateway.sql(`create trigger refuse before insert on outbox for each row
        when (new.topic = 'gateway.inference.v1') execute function refuse()`);
      const answers = await Promise.all(Array.from({ length: 5 }, () => gateway.chat('triage')));
      const ids = answers.map((reply) => reply.headers.get('x-millrace-inference-id')!);
      await eventually(async () => Number((await gateway.sql<{ n: string }>('select last_value as n from refused'))[0].n) > 3);
      const waiting = (await gateway.call('GET', '/api/v1/inference-events/dropped')).body;
      expect(waiting).toMatchObject({ queued: 5, droppedTotal: 0 });
      await gateway.sql('drop trigger refuse on outbox');
      await Promise.all(ids.map((id) => gateway.inference(id)));
      expect((await gateway.call('GET', '/api/v1/inference-events/dropped')).body.droppedTotal).toBe(0);
    } finally {
      await gateway.close();
    }
  });

  it('that find the queue full are counted and listed', async () => {
    const gateway = await GatewayHarness.start({ EVENT_QUEUE_MAX: '2', EVENT_FLUSH_MS: '60000', LOG_LEVEL: 'silent' });
    try {
      await gateway.endpoint('triage');
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.push((await gateway.chat('triage')).headers.get('x-millrace-inference-id')!);
      const list = async () => (await gateway.call('GET', '/api/v1/inference-events/dropped')).body;
      const dropped = await eventually(async () => {
        const page = await list();
        return page.droppedTotal >= 3 && page;
      });
      expect(dropped).toMatchObject({ queued: 2, droppedTotal: 3 });
      expect(dropped.items.map((item: { inferenceId: string }) => item.inferenceId)).toEqual(ids.slice(2).reverse());
      expect(dropped.items[0]).toMatchObject({ endpoint: 'triage', reason: 'queue-full' });
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      expect(metrics).toContain('millrace_gateway_inference_events_dropped_total{reason="queue-full"} 3');
      expect(metrics).toMatch(/millrace_gateway_overhead_seconds_count\{streamed="false"\} 5/);
    } finally {
      await gateway.close();
    }
  });

  it('are written at shutdown, before the process is gone', async () => {
    const gateway = await GatewayHarness.start({ EVENT_FLUSH_MS: '60000' });
    const { databaseUrl } = gateway.service;
    const admin = new Client({ connectionString: databaseUrl });
    try {
      await gateway.endpoint('triage');
      const answers = await Promise.all(Array.from({ length: 7 }, () => gateway.chat('triage')));
      const held = answers.map((reply) => reply.headers.get('x-millrace-inference-id')!);
      await admin.connect();
      await gateway.stopService();
      const { rows } = await admin.query<{ aggregateid: string }>(
        `select aggregateid from outbox where topic = 'gateway.inference.v1'`,
      );
      expect(rows.map((row) => row.aggregateid).sort()).toEqual([...held].sort());
    } finally {
      await admin.end();
      await gateway.close();
    }
  });
});
