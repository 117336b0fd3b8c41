// SPDX-License-Identifier: Apache-2.0
import { gateway } from '#libs/contracts';
import type { Transaction } from '#libs/persistence';
import type { MonitorsRepository } from '../monitors/monitors.repository';
import type { ResetMonitor } from '../monitors/reset-monitor';
import { FollowRollouts } from './follow-rollouts';
import type { Rollout, RolloutsRepository, RolloutStep } from './rollouts.repository';

describe('FollowRollouts', () => {
  let rollout: Rollout;
  let steps: RolloutStep[];
  const repository = {
    lock: async () => rollout,
    putStep: async (_tx: unknown, _key: unknown, step: RolloutStep) => void steps.push(step),
    save: async (_tx: unknown, saved: Rollout) => void (rollout = saved),
  } as unknown as RolloutsRepository;
  const follow = new FollowRollouts(repository, {} as MonitorsRepository, {} as ResetMonitor);
  const stepped = (step: number): Promise<void> => {
    const data = gateway.RolloutStepped.fromPartial({ rolloutId: 'r', endpoint: 'triage', step, candidatePercent: 10 * step });
    return follow.execute({} as Transaction, 'default', { kind: 'stepped', data }, new Date(step));
  };

  beforeEach(() => {
    rollout = { workspace: 'default', id: 'r', state: 'live', step: 2, looksTaken: 3, decided: true } as Rollout;
    steps = [];
  });

  it('starts the looks anew with a later step', async () => {
    await stepped(3);
    expect(rollout).toMatchObject({ step: 3, looksTaken: 0, decided: false });
  });

  it.each([1, 2])(
    'keeps step 2 and its looks when step %d comes late, as a replayed letter does, and notes when it was',
    async (step) => {
      await stepped(step);
      expect(rollout).toMatchObject({ step: 2, looksTaken: 3, decided: true });
      expect(steps).toEqual([{ step, candidatePercent: 10 * step, startTime: new Date(step) }]);
    },
  );
});
