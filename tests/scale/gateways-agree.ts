// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '#libs/testing';
import type { Replica } from './fleet';
import { ask, percentile, say, type Json, type ScaleContext } from './scale-context';

const AGREED_MS_MAX = 1_000;
/** One of the twenty may meet the second of silence after which a gateway looks by itself, on a loaded machine. */
const AGREED_MS_OF_ONE_MAX = 3_000;

interface Change {
  kind: string;
  ms: number;
}

/** A change made at one gateway counts at all of them within a second. */
export function describeGateways(context: () => ScaleContext): void {
  it('agree on 20 changes of keys, endpoints and rollouts within a second (p95), and a revoked key stays refused', async () => {
    const { fleet } = context();
    const gateways = fleet.of('gateway');
    const changes: Change[] = [];
    /** Milliseconds from the answer to the change until every replica shows it. */
    const agree = async (kind: string, shows: (replica: Replica) => Promise<boolean>): Promise<void> => {
      const changedAt = performance.now();
      await Promise.all(gateways.map((replica) => until(() => shows(replica))));
      changes.push({ kind, ms: performance.now() - changedAt });
    };

    for (let round = 0; round < 5; round += 1) {
      const changer = gateways[round % gateways.length];
      const key = await ask(changer, 'POST', '/api/v1/api-keys', { name: `key-${round}` });
      const status = async (replica: Replica): Promise<number> =>
        (await fetch(`${replica.url}/v1/models`, { headers: { authorization: `Bearer ${key.secret}` } })).status;
      await agree('key made', async (replica) => (await status(replica)) === 200);
      await ask(gateways[(round + 1) % gateways.length], 'DELETE', `/api/v1/api-keys/${key.id}`);
      await agree('key revoked', async (replica) => (await status(replica)) === 401);
      const later = await Promise.all([0, 1, 2, 3].flatMap(() => gateways.map(status)));
      expect(new Set(later)).toEqual(new Set([401]));
    }
    for (let round = 0; round < 4; round += 1) {
      const name = `short-${round}`;
      await ask(gateways[round % 3], 'POST', '/api/v1/endpoints', { name, modelUri: 'models:/triage/1' });
      await until(async () => (await Promise.all(gateways.map((replica) => chat(replica, name)))).every(({ ok }) => ok), 30_000);
      await ask(gateways[(round + 1) % 3], 'DELETE', `/api/v1/endpoints/${name}`);
      await agree('endpoint deleted', async (replica) => (await chat(replica, name)).status === 404);
    }
    await decideRollouts(context(), agree);

    expect(changes).toHaveLength(20);
    const times = changes.map(({ ms }) => ms);
    const of = (kind: string): string => Math.max(...changes.filter((each) => each.kind === kind).map(({ ms }) => ms)).toFixed(0);
    say(
      `3 gateways agree on 20 changes: p50 ${percentile(times, 0.5).toFixed(0)} ms, p95 ${percentile(times, 0.95).toFixed(0)} ms, ` +
        `most: key revoked ${of('key revoked')} ms, endpoint deleted ${of('endpoint deleted')} ms, rollout ${of('rollout')} ms`,
    );
    expect(percentile(times, 0.95)).toBeLessThanOrEqual(AGREED_MS_MAX);
    expect(Math.max(...times)).toBeLessThanOrEqual(AGREED_MS_OF_ONE_MAX);
  });
}

/** Six rollouts of a candidate that serves 1 %: promoted or rolled back by a person, at one replica or another. */
async function decideRollouts(
  { fleet }: ScaleContext,
  agree: (kind: string, shows: (replica: Replica) => Promise<boolean>) => Promise<void>,
): Promise<void> {
  const gateways = fleet.of('gateway');
  await moveAlias(fleet.of('registry')[0], 1);
  const endpoint = { name: 'triage', modelUri: 'models:/triage@champion', rolloutPolicy: { steps: [1] } };
  await ask(gateways[0], 'POST', '/api/v1/endpoints', endpoint);
  const read = (): Promise<Json> => ask(gateways[1], 'GET', '/api/v1/endpoints/triage');
  await until(async () => (await read()).state === 'serving', 30_000);
  let serving = 1;
  for (let round = 0; round < 6; round += 1) {
    const candidate = serving === 1 ? 2 : 1;
    await moveAlias(fleet.of('registry')[round % 3], candidate);
    const rolloutId = await eventually(async () => ((await read()).rolloutId as string) || false, { timeoutMs: 60_000 });
    const promote = round % 2 === 0;
    const path = `/api/v1/rollouts/${rolloutId}/${promote ? 'promote' : 'roll-back'}`;
    // While it runs, 1 % see the candidate; requests with chance on their side see control, so look at what the answers say.
    await ask(gateways[round % 3], 'POST', path, { reason: 'scale spec' });
    const expected = promote ? candidate : serving;
    await agree('rollout', async (replica) => {
      const { response } = await chat(replica, 'triage');
      return response.headers.get('x-millrace-model-version') === String(expected) && !(await running(replica, rolloutId));
    });
    if (!promote) await moveAlias(fleet.of('registry')[round % 3], serving);
    serving = expected;
  }
}

async function running(replica: Replica, rolloutId: string): Promise<boolean> {
  return (await ask(replica, 'GET', `/api/v1/rollouts/${rolloutId}`)).state === 'running';
}

async function moveAlias(replica: Replica, version: number): Promise<void> {
  await ask(replica, 'POST', '/api/2.0/mlflow/registered-models/alias', {
    name: 'triage',
    alias: 'champion',
    version: String(version),
  });
}

export interface ChatAnswer {
  ok: boolean;
  status: number;
  text: string;
  response: Response;
}

export async function chat(replica: Replica, model: string, user = 'u-1'): Promise<ChatAnswer> {
  const response = await fetch(`${replica.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, user, messages: [{ role: 'user', content: 'a hoofed mammal' }] }),
  });
  return { ok: response.ok, status: response.status, text: await response.text(), response };
}

async function until(holds: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`the replicas did not agree within ${timeoutMs} ms`);
    await delay(15);
  }
}
