// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '#libs/observability';
import type { Database } from '#libs/persistence';
import { eventually } from '#libs/testing';
import type { GatewaySettings } from '../config';
import { DeploymentSweeper, type SweptWork } from './deployment-sweeper';
import type { DueWorkRepository, SweptName } from './due-work.repository';

describe('DeploymentSweeper', () => {
  let due: SweptName[];
  let looks: number;
  let rounds: Record<SweptName, number>;
  let sweeper: DeploymentSweeper;

  beforeEach(() => {
    [due, looks, rounds] = [[], 0, { endpoints: 0, deployments: 0, backends: 0 }];
    const dueWork: DueWorkRepository = {
      due: async () => {
        looks += 1;
        return due;
      },
    };
    const settings = { deploymentPollMs: 5 } as GatewaySettings;
    sweeper = new DeploymentSweeper(settings, silentLogger(), {} as Database, dueWork);
  });
  afterEach(() => sweeper.stop());

  const add = (name: SweptName, outcome?: SweptWork['execute']): void =>
    sweeper.add({
      name,
      execute: async () => {
        rounds[name] += 1;
        return (await outcome?.()) ?? false;
      },
    });

  it('does each work once at the start, and then what is due', async () => {
    add('endpoints');
    add('deployments');
    sweeper.start();
    await eventually(() => looks > 5);
    expect(rounds).toMatchObject({ endpoints: 1, deployments: 1 });
    due = ['deployments'];
    await eventually(() => rounds.deployments > 2);
    expect(rounds.endpoints).toBe(1);
  });

  it('does all when it is woken', async () => {
    add('endpoints');
    add('backends');
    sweeper.start();
    await eventually(() => looks > 2);
    sweeper.wake();
    await eventually(() => rounds.endpoints === 2 && rounds.backends === 2);
  });

  it('repeats what failed with growing pauses, due or not', async () => {
    due = ['deployments'];
    add('deployments', () => Promise.reject(new Error('no')));
    sweeper.start();
    await eventually(() => rounds.deployments >= 4);
    // 10, 20 and 40 ms lay between them: a look every 5 ms and the rounds of none.
    expect(looks).toBeGreaterThan(rounds.deployments);
  });
});
