// SPDX-License-Identifier: Apache-2.0
import { listTopics, type EventDefinition } from '#libs/contracts';
import { eventually, useTestDatabase } from '#libs/testing';
import { Moved, startRig, type Counted, type Rig } from './rig';
import { useEventLog } from './use-event-log';

/** On a topic that is there. */
const Kept: EventDefinition<Counted> = { ...Moved, type: 'millrace.spec.kept.v1', topic: 'registry.approval.v1' };

describe('an outbox with events whose topic is missing', () => {
  const database = useTestDatabase('outbox-figures-spec');
  let rig: Rig;
  const eventLog = useEventLog(() => rig.stop());

  beforeEach(async () => {
    const topics = listTopics().filter(({ name }) => name === Kept.topic);
    rig = await startRig({ database: database.url, eventLog: eventLog.url }, [], { topics });
  });

  it('counts them at every look, and sends the others', async () => {
    const page = async (): Promise<string> => (await rig.metrics.page()).body;
    await rig.publish('a', 1, 2);
    await database.db.query(`update outbox set created_at = now() - interval '90 seconds'`);
    await eventually(async () => (await page()).includes('relay_failures_total{code="MESSAGING.UNKNOWN_TOPIC"} '));
    await rig.persistence.unitOfWork.run((tx) =>
      rig.messaging.publisher.publish(tx, Kept, { workspace: 'team-a', aggregateId: 'b', aggregateVersion: 1, data: { n: 3 } }),
    );
    await eventually(async () =>
      expect(await database.db.query('select topic from outbox where published_at is not null')).toEqual([{ topic: Kept.topic }]),
    );
    for (let look = 0; look < 20; look += 1) {
      const body = await page();
      expect(body).toMatch(/outbox_waiting_events 2\n/);
      expect(Number(/outbox_oldest_age_seconds ([\d.]+)/.exec(body)?.[1])).toBeGreaterThan(80);
    }
  });
});
