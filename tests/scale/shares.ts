// SPDX-License-Identifier: Apache-2.0
import { listTopics } from '#libs/contracts';
import { eventually } from '#libs/testing';
import { serviceNames } from '../../deploy/local/processes';
import type { ScaleContext } from './scale-context';

/** Consumer groups by name with the partitions that they read, as the topic registry declares them. */
export const groups = new Map<string, string[]>();
for (const { name, partitions, consumers } of listTopics()) {
  for (const consumer of consumers.filter((each) => !each.startsWith('<'))) {
    const more = Array.from({ length: partitions }, (_, partition) => `${name}/${partition}`);
    groups.set(consumer, [...(groups.get(consumer) ?? []), ...more]);
  }
}

/** Each partition of each group has exactly one reader, no replica goes without, and each service has one relay leader. */
export async function expectShared({ view, fleet }: ScaleContext, members: number): Promise<void> {
  await eventually(async () => Promise.all([...groups.keys()].map((group) => expectGroupShared(view, group, members))), {
    timeoutMs: 60_000,
    intervalMs: 500,
  });
  // A leader that was ended takes its lead with its session; another replica asks for it within two seconds.
  await eventually(
    async () => {
      for (const service of serviceNames) {
        const leading = await Promise.all(fleet.of(service).map((replica) => replica.isRelayLeader()));
        expect({ service, leaders: leading.filter(Boolean).length }).toEqual({ service, leaders: 1 });
      }
    },
    { timeoutMs: 30_000, intervalMs: 500 },
  );
}

async function expectGroupShared(view: ScaleContext['view'], group: string, members: number): Promise<void> {
  const assigned = await view.assignments(group);
  expect({ group, members: assigned.size }).toEqual({ group, members });
  expect([...assigned.values()].flat().sort()).toEqual([...groups.get(group)!].sort());
  const sizes = [...assigned.values()].map((partitions) => partitions.length);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
}
