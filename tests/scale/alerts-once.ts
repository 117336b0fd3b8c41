// SPDX-License-Identifier: Apache-2.0
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '#libs/testing';
import { ask, say, type Json, type ScaleContext } from './scale-context';

const MONITORS = 20;

/** Every monitoring replica looks for due monitors and deliveries; each is for one of them. */
export function describeAlerts(context: () => ScaleContext): void {
  it('fire each alert once and call each webhook once, also while a replica leaves', async () => {
    const { fleet, view } = context();
    const calls: string[] = [];
    // Slow on purpose: a delivery in progress must not look due to the others.
    const receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { alerts } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { alerts: Json[] };
        for (const alert of alerts) calls.push(`${alert.status} ${alert.labels.monitor}`);
        void delay(150).then(() => response.writeHead(200, { connection: 'close' }).end());
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    try {
      const replicas = fleet.of('monitoring');
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
      await ask(replicas[0], 'POST', '/api/v1/webhooks', { name: 'pager', url });
      const config = { evaluateSeconds: 1, noDataSeconds: 1 };
      await Promise.all(
        Array.from({ length: MONITORS }, (_, index) =>
          ask(replicas[index % replicas.length], 'POST', '/api/v1/monitors', {
            ...{ name: `quiet-${index}`, kind: 'no_data', endpoint: `nobody-${index}`, modelName: 'triage', config },
          }),
        ),
      );
      await eventually(() => calls.length > 0, { timeoutMs: 60_000 });
      const left = replicas[0].stop();
      await eventually(() => calls.length >= MONITORS, { timeoutMs: 60_000 });
      expect(await left).toBe(0);
      // Evaluated again and again, by whoever is free: still the same alerts.
      const [{ sum: before }] = await fleet.sql<{ sum: string }>('monitoring', 'select sum(version) from monitors');
      const evaluations = async (): Promise<number> =>
        Number((await fleet.sql<{ sum: string }>('monitoring', 'select sum(version) from monitors'))[0].sum) - Number(before);
      await eventually(async () => (await evaluations()) >= 3 * MONITORS, { timeoutMs: 60_000, intervalMs: 200 });
      expect(calls.sort()).toEqual(Array.from({ length: MONITORS }, (_, index) => `firing quiet-${index}`).sort());
      expect(await fleet.sql('monitoring', 'select distinct state, attempts from webhook_deliveries')).toEqual([
        { state: 'delivered', attempts: 1 },
      ]);
      expect(await fleet.count('monitoring', 'alerts')).toBe(MONITORS);
      await eventually(async () => expect(await view.read('monitoring.alert.v1')).toHaveLength(MONITORS), { timeoutMs: 60_000 });
      say(`${MONITORS} monitors, 3 replicas, one leaving: ${MONITORS} alerts, events and webhook calls, none twice`);
    } finally {
      receiver.closeAllConnections();
      await new Promise((resolve) => receiver.close(resolve));
    }
    await Promise.all(fleet.of('monitoring').map(async (replica) => ask(replica, 'GET', '/health/live')));
    await fleet.startReplica('monitoring').ready();
  });
}
