// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import { silentLogger } from '#libs/observability';
import type { Database } from '#libs/persistence';
import type { ConsumerHost } from './consumer-host';
import { DeadLetterReplayer, type ReplayerTools } from './dead-letter-replayer';

const POLL_MS = 1_000;

/** A replayer of consumers `a` and `b`, two letters each, whose transactions never end. */
function replayerOf(run: () => Promise<never>) {
  const clock = new FakeClock();
  const letters = ['a', 'a', 'b', 'b'];
  const taken: string[] = [];
  const query = async (sql: string, [consumer]: unknown[]): Promise<unknown[]> => {
    if (sql.startsWith('select distinct')) return [...new Set(letters)].map((each) => ({ consumer: each }));
    const index = letters.indexOf(consumer as string);
    if (index < 0) return [];
    taken.push(...letters.splice(index, 1));
    return [{ id: `letter ${taken.length}`, attempts: 2 }];
  };
  const tools: ReplayerTools = {
    database: { query } as unknown as Database,
    unitOfWork: { run },
    clock,
    logger: silentLogger(),
    handlerMsMax: 20_000,
    pollMs: POLL_MS,
  };
  const replayer = new DeadLetterReplayer([{ name: 'a' }, { name: 'b' }] as ConsumerHost[], tools);
  return { clock, replayer, taken };
}

describe('the replayer of dead letters', () => {
  it('takes the letters of its consumers in turns', async () => {
    let fails = true;
    const { replayer, taken } = replayerOf(async () => {
      // Each replay fails; what is kept of that is written.
      fails = !fails;
      if (!fails) throw new Error('no');
      return undefined as never;
    });
    expect(await replayer.runOnce()).toBe(4);
    expect(taken).toEqual(['a', 'b', 'a', 'b']);
  });

  it('stops within 10 s although a replay does not end, and takes no further letter', async () => {
    const { clock, replayer, taken } = replayerOf(() => new Promise<never>(() => undefined));
    replayer.start();
    await clock.advance(POLL_MS);
    expect(taken).toEqual(['a']);
    let stopped = false;
    void replayer.stop().then(() => (stopped = true));
    await clock.advance(9_999);
    expect(stopped).toBe(false);
    await clock.advance(1);
    expect(stopped).toBe(true);
    expect(taken).toEqual(['a']);
  });
});
