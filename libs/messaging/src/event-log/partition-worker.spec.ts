// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import { silentLogger } from '#libs/observability';
import type { SubscribeOptions } from '../broker';
import { Slots } from '../slots';
import { PartitionWorker, type WorkerTools } from './partition-worker';

it('reads once and then only when woken', async () => {
  const clock = new FakeClock();
  const read = jest.fn().mockResolvedValue([]);
  const worker = new PartitionWorker(
    { id: 'member', group: 'group', topics: [] },
    { id: 1, name: 'topic.v1', partitions: 1 },
    { topicId: 1, partition: 0, epoch: '1', committed: 0n },
    {
      log: { read } as unknown as WorkerTools['log'],
      groups: {} as WorkerTools['groups'],
      clock,
      logger: silentLogger(),
      slots: new Slots(1),
      options: { batchSizeMax: 10 } as SubscribeOptions,
      onLost: () => undefined,
    },
  );
  worker.start();
  await clock.advance(3_600_000);
  expect(read).toHaveBeenCalledTimes(1);
  worker.wake();
  await clock.advance(1);
  expect(read).toHaveBeenCalledTimes(2);
  await worker.stop();
});
