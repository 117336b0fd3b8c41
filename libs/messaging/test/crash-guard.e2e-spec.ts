// SPDX-License-Identifier: Apache-2.0
import { useTestDatabase } from '#libs/testing';
import type { IncomingMessage } from '../src';
import { CrashGuard } from '../src/crash-guard';
import { Slots } from '../src/slots';

const at = (partition: number, offset: number): IncomingMessage =>
  ({ topic: 'registry.alias.v1', partition, offset: String(offset) }) as IncomingMessage;

describe('the crash guard', () => {
  const database = useTestDatabase('messaging-crash-guard');
  const guardOf = (consumer: string, suspects = new Slots(1)): CrashGuard =>
    new CrashGuard(database.db, consumer, { suspects, carefulEvents: 4 });
  /** As if that many processes had died at the first message of partition 0. */
  const died = (consumer: string, starts: number) =>
    database.db.query(
      `insert into consumer_progress (consumer, topic, partition, message_offset, starts) values ($1, 'registry.alias.v1', 0, 0, $2)`,
      [consumer, starts],
    );
  const noted = async (consumer: string): Promise<number> => {
    const rows = await database.db.query<{ starts: number }>('select starts from consumer_progress where consumer = $1', [
      consumer,
    ]);
    return rows[0].starts;
  };

  beforeEach(() => database.db.query('truncate consumer_progress'));

  it('is careful with a partition for so many events, then trusts it again', async () => {
    await died('one', 2);
    const guard = guardOf('one');
    const careful: boolean[] = [];
    for (let offset = 0; offset < 5; offset += 1) {
      const { starts, release } = await guard.enter(at(0, offset));
      careful.push(guard.isCareful(at(0, offset)));
      await guard.leave(at(0, offset), starts);
      release();
    }
    expect(careful).toEqual([true, true, true, true, false]);
    expect((await guard.enter(at(0, 5))).starts).toBe(0);
  });

  it('counts a suspect when its turn comes, in whichever consumer of the process, and lets others go on', async () => {
    await died('one', 2);
    await died('two', 5);
    const suspects = new Slots(1);
    const [one, two] = [guardOf('one', suspects), guardOf('two', suspects)];
    const first = await one.enter(at(0, 0));
    const second = two.enter(at(0, 0));
    expect((await two.enter(at(1, 0))).starts).toBe(1);
    expect([first.starts, await noted('one')]).toEqual([3, 3]);
    const [counted] = await database.db.query<{ starts: number }>(
      `select starts from consumer_progress where consumer = 'two' and partition = 0`,
    );
    expect(counted.starts).toBe(5);
    first.release();
    expect((await second).starts).toBe(6);
  });
});
