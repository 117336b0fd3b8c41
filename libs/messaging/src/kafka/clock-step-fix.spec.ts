// SPDX-License-Identifier: Apache-2.0
import { surviveClockSteps } from './clock-step-fix';

interface Group {
  memberId: string;
  coordinator: { heartbeat: jest.Mock };
  lastRequest: number;
  heartbeat(options: { interval: number }): Promise<void>;
}

describe('heartbeats of kafkajs after the wall clock was set back', () => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const ConsumerGroup = require('kafkajs/src/consumer/consumerGroup') as new (options: object) => Group;
  const member = (): Group => {
    const logger = { namespace: () => logger };
    const group = new ConsumerGroup({ logger, topics: [], topicConfigurations: {}, instrumentationEmitter: { emit: jest.fn() } });
    group.memberId = 'm-1';
    group.coordinator = { heartbeat: jest.fn().mockResolvedValue(undefined) };
    group.lastRequest = Date.now() + 3_600_000;
    return group;
  };

  it('(found while fault F15 was written) end by themselves, and go on once fixed', async () => {
    const stuck = member();
    await stuck.heartbeat({ interval: 3_000 });
    expect(stuck.coordinator.heartbeat).not.toHaveBeenCalled(); // fails when kafkajs heals: then remove the fix
    surviveClockSteps();
    surviveClockSteps();
    const going = member();
    await going.heartbeat({ interval: 3_000 });
    await going.heartbeat({ interval: 3_000 });
    expect(going.coordinator.heartbeat).toHaveBeenCalledTimes(1);
  });
});
