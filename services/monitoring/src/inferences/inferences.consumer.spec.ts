// SPDX-License-Identifier: Apache-2.0
import { Events } from '#libs/contracts';
import type { ReceivedEvent } from '#libs/messaging';
import { InferencesConsumer } from './inferences.consumer';
import type { Inference } from './inferences.repository';
import type { RecordInferences } from './record-inferences';

describe('inferences consumer', () => {
  const recorded: Inference[] = [];
  const consumer = new InferencesConsumer({
    execute: async (_tx: unknown, inferences: Inference[]) => void recorded.push(...inferences),
  } as unknown as RecordInferences);
  const handle = async (aggregateId: string, json: object): Promise<void> => {
    const event = { workspace: 'w', aggregateId, time: new Date(0), data: Events.InferenceCompleted.fromJSON(json) };
    await consumer.handlers[0].handle([event as ReceivedEvent<never>], undefined as never);
  };

  beforeEach(() => {
    recorded.length = 0;
  });

  it('refuses an inference without an id, naming the field (found by F16)', async () => {
    await expect(handle('', {})).rejects.toMatchObject({
      code: 'MESSAGING.UNREADABLE_DATA',
      details: { field: 'data.inferenceId' },
    });
    expect(recorded).toEqual([]);
  });

  it('takes the id of the event where the data names none', async () => {
    await handle('from-the-envelope', {});
    expect(recorded.map(({ id }) => id)).toEqual(['from-the-envelope']);
  });
});
