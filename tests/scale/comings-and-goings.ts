// SPDX-License-Identifier: Apache-2.0
import { eventually } from '#libs/testing';
import { serviceNames } from '../../deploy/local/processes';
import type { Replica } from './fleet';
import type { TopicEvent } from './kafka-view';
import { say, type ScaleContext } from './scale-context';
import { expectShared } from './shares';
import { Traffic } from './traffic';

const WAVES = 2;

/** Replicas of every service leave and join while traffic runs: the relay leader first, so that the lead changes each time. */
export function describeComingsAndGoings(context: () => ScaleContext): void {
  it('lose and double nothing while replicas of every service leave (relay leaders first) and join under traffic', async () => {
    const { fleet } = context();
    const moves = await fleet.count('registry', "outbox where type = 'millrace.registry.alias-moved.v1'");
    const profiles = await fleet.count('data-prep', 'profiles');
    const traffic = new Traffic(context());
    traffic.start();
    const ends: string[] = [];
    try {
      for (let wave = 0; wave < WAVES; wave += 1) {
        const leaving = await Promise.all(serviceNames.map((name) => leaderOf(fleet.of(name))));
        ends.push(...(await Promise.all(leaving.map(async (replica) => endOf(replica, await replica.stop())))));
        await expectShared(context(), 2);
        await Promise.all(serviceNames.map((name) => fleet.startReplica(name).ready()));
        await expectShared(context(), 3);
      }
    } finally {
      await traffic.stop();
    }
    expect(ends.filter((end) => !end.endsWith(' 0'))).toEqual([]);
    expect(traffic.failures).toEqual([]);
    expect(traffic.inferences.length).toBeGreaterThan(20);
    await settled(context());
    await expectEffectsOnce(context(), traffic, { moves, profiles });
    say(
      `${WAVES} waves of 6 leavers under traffic: ${traffic.inferences.length} completions, ${traffic.feedback.size} ratings ` +
        `(${traffic.sentTwice} sent twice), ${traffic.versions.size} uploads, ${traffic.aliasMoves} alias moves; ` +
        `lost 0, doubled 0, out of order 0; ${traffic.repeats} requests repeated at another replica`,
    );
  });
}

async function leaderOf(replicas: Replica[]): Promise<Replica> {
  for (const replica of replicas) if (await replica.isRelayLeader()) return replica;
  return replicas[0];
}

/** How it ended; with its last warnings when that was not well. */
function endOf({ service, program }: Replica, code: number | null): string {
  if (code === 0) return `${service} 0`;
  const lines = program.output.split('\n').slice(program.output.split('\n').findIndex((line) => line.includes('SIGTERM')));
  return `${service} ${code}: ${lines.join('\n').slice(-6000)}`;
}

/** Nothing waits to be sent, and what is counted no longer changes. */
async function settled({ fleet }: ScaleContext): Promise<void> {
  const counts = async (): Promise<string> => {
    for (const name of serviceNames) expect(await fleet.count(name, 'outbox where published_at is null')).toBe(0);
    return JSON.stringify([
      await fleet.count('monitoring', 'inferences'),
      await fleet.count('monitoring', "feedback where state <> 'unmatched'"),
      await fleet.count('ingestion', 'feedback'),
      await fleet.count('data-prep', "profiles where state = 'succeeded'"),
      ...(await Promise.all(
        fleet.of('monitoring').map(async (replica) => [...(await replica.metric('consumer_lag_events')).values()]),
      )),
    ]);
  };
  let before = '';
  let same = 0;
  await eventually(
    async () => {
      const now = await counts();
      same = now === before ? same + 1 : 0;
      before = now;
      return same >= 4;
    },
    { timeoutMs: 90_000, intervalMs: 500 },
  );
}

async function expectEffectsOnce(
  { fleet, view }: ScaleContext,
  traffic: Traffic,
  before: { moves: number; profiles: number },
): Promise<void> {
  const sum = async (text: string): Promise<number> => Number((await fleet.sql<{ sum: string }>('monitoring', text))[0].sum);
  const ids = await fleet.sql<{ id: string }>('monitoring', 'select id from inferences');
  const known = new Set(ids.map(({ id }) => id));
  expect(traffic.inferences.filter((id) => !known.has(id))).toEqual([]);
  // Rows cannot double (primary key); sums can: every request is in the rollups once.
  expect(await sum('select sum(requests) from minute_rollups')).toBe(ids.length);
  expect(await fleet.count('monitoring', "feedback where state = 'accepted'")).toBe(traffic.feedback.size);
  expect(await sum('select sum(feedback_count) from raters')).toBe(traffic.feedback.size);
  expect(await fleet.count('ingestion', 'feedback')).toBe(traffic.feedback.size);
  const profiled = await fleet.sql<{ id: string }>(
    'data-prep',
    "select dataset_version_id as id from profiles where state = 'succeeded'",
  );
  expect([...traffic.versions].filter((id) => !profiled.some((profile) => profile.id === id))).toEqual([]);
  expect(profiled).toHaveLength(before.profiles + traffic.versions.size);
  for (const name of serviceNames) expect({ name, dead: await fleet.count(name, 'dead_letters') }).toEqual({ name, dead: 0 });

  const inferences = once(await view.read('gateway.inference.v1'));
  expect(new Set(inferences.map(({ key }) => key)).size).toBe(inferences.length);
  const moved = once(await view.read('registry.alias.v1'));
  expect(moved.length).toBeGreaterThanOrEqual(before.moves + traffic.aliasMoves);
  expectInOrder(moved);
  expectInOrder(once(await view.read('monitoring.feedback.v1')));
  expectInOrder(once(await view.read('training.job.v1')), { dense: false });
}

/** First arrivals: a relay that is told to stop between send and mark may send an event again, which its consumers ignore. */
function once(events: TopicEvent[]): TopicEvent[] {
  const seen = new Set<string>();
  return events.filter(({ headers }) => !seen.has(headers.ce_id) && seen.add(headers.ce_id));
}

/** The aggregate's version rises from event to event of a key; by one, where each change of the aggregate has its event. */
function expectInOrder(events: TopicEvent[], { dense = true } = {}): void {
  const last = new Map<string, number>();
  for (const { topic, headers } of events) {
    const aggregate = `${headers.ce_workspace}/${headers.ce_aggregateid}`;
    const version = Number(headers.ce_aggregateversion);
    const expected = (last.get(aggregate) ?? version - 1) + 1;
    if (dense || version < expected) expect({ topic, aggregate, version }).toEqual({ topic, aggregate, version: expected });
    last.set(aggregate, version);
  }
}
