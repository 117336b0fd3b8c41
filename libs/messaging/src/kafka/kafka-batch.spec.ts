// SPDX-License-Identifier: Apache-2.0
import type { EachBatchPayload } from 'kafkajs';
import type { BatchOutcome, MessageBatch } from '../broker';
import { runKafkaBatch, type BatchTools } from './kafka-batch';
import { PositionCommits } from './position-commits';

describe('one fetched batch of Kafka', () => {
  let calls: string[];
  let stale: boolean;
  let commits: PositionCommits;
  const abort = { controller: new AbortController() };

  const payload = (count: number, heartbeat: () => Promise<void> = async () => void calls.push('heartbeat')): EachBatchPayload =>
    ({
      batch: {
        topic: 't',
        partition: 1,
        messages: Array.from({ length: count }, (_, n) => ({
          offset: String(100 + n),
          key: Buffer.from('k'),
          value: Buffer.from(String(n)),
          timestamp: '0',
          headers: { one: Buffer.from('1'), many: [Buffer.from('a'), Buffer.from('b')], empty: null },
        })),
      },
      resolveOffset: (offset: string) => calls.push(`resolve ${offset}`),
      heartbeat,
      commitOffsetsIfNecessary: async ({ topics }: { topics: { partitions: { offset: string }[] }[] }) =>
        void calls.push(`commit ${topics[0].partitions[0].offset}`),
      pause: () => {
        calls.push('pause');
        return () => calls.push('resume');
      },
      isRunning: () => true,
      isStale: () => stale,
    }) as unknown as EachBatchPayload;

  type OnBatch = (batch: MessageBatch) => Promise<BatchOutcome>;

  const tools = (onBatch: OnBatch): BatchTools => ({
    options: { group: 'g', topics: ['t'], batchSizeMax: 2, partitionsConcurrentMax: 1, onBatch, onFatal: () => undefined },
    heartbeatMs: 5,
    signal: abort.controller.signal,
    pauseFor: (resume, pauseMs) => {
      calls.push(`for ${pauseMs}`);
      resume();
    },
    now: () => 0,
    commits,
  });
  const run = (batch: EachBatchPayload, onBatch: OnBatch): Promise<void> => runKafkaBatch(batch, tools(onBatch));

  /** The partition has a position on Kafka already. */
  const begin = async (): Promise<void> => {
    await run(payload(1), async () => ({ processed: 1 }));
    calls = [];
  };

  beforeEach(() => {
    calls = [];
    stale = false;
    commits = new PositionCommits();
    abort.controller = new AbortController();
  });

  it('resolves piece by piece, beats in between, and commits at the end', async () => {
    await begin();
    await run(payload(3), async ({ messages }) => ({ processed: messages.length }));
    expect(calls).toEqual(['resolve 101', 'heartbeat', 'resolve 102', 'heartbeat', 'commit 103']);
  });

  it('ends the piece in hand at a heartbeat that is refused, for which the whole group waits', async () => {
    await begin();
    const refuse = async (): Promise<void> => Promise.reject(new Error('the group rebalances'));
    const untilAborted: OnBatch = ({ signal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve({ processed: 1 })));
    await expect(run(payload(4, refuse), untilAborted)).rejects.toThrow('the group rebalances');
    expect(calls).toEqual(['resolve 100']);
  });

  it('ends the piece in hand when the round is over', async () => {
    await begin();
    const untilAborted: OnBatch = ({ signal }) => {
      const ended = new Promise<BatchOutcome>((resolve) => signal.addEventListener('abort', () => resolve({ processed: 2 })));
      abort.controller.abort();
      return ended;
    };
    await run(payload(4), untilAborted);
    expect(calls.filter((call) => call !== 'heartbeat')).toEqual(['resolve 101', 'commit 102']);
  });

  it('commits every 50 messages', async () => {
    await begin();
    await run(payload(120), async ({ messages }) => ({ processed: messages.length }));
    expect(committedOnes()).toEqual(['commit 150', 'commit 200', 'commit 220']);
  });

  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const committedOnes = (): string[] => calls.filter((call) => call.startsWith('commit'));

  it('waits for the first position of a partition: what kills the process later must be the first event of the next start', async () => {
    let answer = (): void => undefined;
    const batch = payload(6);
    batch.commitOffsetsIfNecessary = () => new Promise((resolve) => (answer = resolve));
    const offsets: string[] = [];
    const running = run(batch, async ({ messages }) => {
      offsets.push(messages[0].offset);
      return { processed: messages.length };
    });
    await settle();
    expect(offsets).toEqual(['100']);
    answer();
    await settle();
    expect(offsets).toEqual(['100', '102', '104']);
    answer();
    await running;
  });

  it('has the position of each event before the next one when the host goes event by event', async () => {
    await run(payload(4), async ({ messages }) => {
      calls.push(`handle ${messages[0].offset}`);
      return { processed: 1 };
    });
    expect(calls.filter((call) => /^(handle|commit)/.test(call))).toEqual([
      'handle 100',
      'commit 101',
      'handle 101',
      'commit 102',
      'handle 102',
      'commit 103',
      'handle 103',
      'commit 104',
    ]);
  });

  it('works on the next piece while a position is committed, one commit at a time, and ends with the last', async () => {
    await begin();
    const waiting: (() => void)[] = [];
    const batch = payload(150);
    batch.commitOffsetsIfNecessary = (offsets) => {
      calls.push(`commit ${offsets?.topics[0].partitions[0].offset}`);
      return new Promise((resolve) => waiting.push(resolve));
    };
    const offsets: string[] = [];
    let ended = false;
    const running = run(batch, async ({ messages }) => {
      offsets.push(messages[messages.length - 1].offset);
      return { processed: messages.length };
    }).then(() => (ended = true));
    await settle();
    // The first commit has no answer yet: the pieces up to the second one are done, and that one waits.
    expect(committedOnes()).toEqual(['commit 150']);
    expect(offsets.at(-1)).toBe('199');
    waiting[0]();
    await settle();
    expect(committedOnes()).toEqual(['commit 150', 'commit 200']);
    waiting[1]();
    await settle();
    expect(committedOnes().at(-1)).toBe('commit 250');
    expect(ended).toBe(false);
    waiting[2]();
    await running;
    expect(ended).toBe(true);
  });

  it('hands a commit that fails to kafkajs, and begins no further piece once it knows', async () => {
    await begin();
    const batch = payload(150);
    batch.commitOffsetsIfNecessary = () => Promise.reject(new Error('not a member any more'));
    let handled = 0;
    const running = run(batch, async ({ messages }) => {
      handled += messages.length;
      await new Promise((resolve) => setTimeout(resolve, handled > 50 ? 5 : 0));
      return { processed: messages.length };
    });
    await expect(running).rejects.toThrow('not a member');
    expect(handled).toBe(52);
  });

  it('leaves no commit behind when the group rebalances', async () => {
    await begin();
    let beats = 0;
    const batch = payload(150, async () => {
      beats += 1;
      if (beats > 25) throw new Error('the group is rebalancing');
    });
    let answer = (): void => undefined;
    batch.commitOffsetsIfNecessary = () => new Promise((resolve) => (answer = resolve));
    let ended = false;
    const running = run(batch, async ({ messages }) => ({ processed: messages.length })).finally(() => (ended = true));
    running.catch(() => undefined);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([beats, ended]).toEqual([26, false]);
    answer();
    await expect(running).rejects.toThrow('rebalancing');
  });

  it('pauses with what is done committed, and does the same when the handler throws', async () => {
    await run(payload(4), async () => ({ processed: 1, pauseMs: 70 }));
    expect(calls).toEqual(['resolve 100', 'pause', 'for 70', 'resume', 'commit 101']);
    calls = [];
    await run(payload(4), () => Promise.reject(new TypeError('a bug')));
    expect(calls).toEqual(['pause', 'for 1000', 'resume']);
  });

  it('stops between pieces when the partition moved on or the group rebalances', async () => {
    await run(payload(6), async ({ messages }) => {
      stale = true;
      return { processed: messages.length };
    });
    expect(calls).toEqual(['resolve 101', 'heartbeat', 'commit 102']);
    calls = [];
    stale = false;
    await run(payload(6), async () => {
      abort.controller.abort();
      return { processed: 1 };
    });
    expect(committedOnes()).toEqual(['commit 101']);
  });

  it('beats while a handler is slow, and hands the rebalance that a beat finds to kafkajs', async () => {
    let beats = 0;
    const slow = payload(2, async () => {
      beats += 1;
      if (beats >= 2) throw new Error('the group is rebalancing');
    });
    const running = run(slow, async ({ messages }) => {
      const end = performance.now() + 2_000;
      while (beats < 2 && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
      return { processed: messages.length };
    });
    await expect(running).rejects.toThrow('rebalancing');
    expect(calls).toEqual(['resolve 101']);
  });

  it.each([
    ['9223372036854775807', '9999-12-31T00:00:00.000Z'],
    ['-1', '1970-01-01T00:00:00.000Z'],
    ['1764000000000', '2025-11-24T16:00:00.000Z'],
  ])('gives the time %s as a date that can be written', async (timestamp, time) => {
    const batch = payload(1);
    batch.batch.messages[0].timestamp = timestamp;
    const times: string[] = [];
    await run(batch, async ({ messages }) => {
      times.push(...messages.map((message) => message.time.toISOString()));
      return { processed: messages.length };
    });
    expect(times).toEqual([time]);
  });

  it('gives headers as text, the last of repeated ones, none for one without a value', async () => {
    let batch: MessageBatch | undefined;
    await run(payload(1), async (got) => {
      batch = got;
      return { processed: 1 };
    });
    expect(batch?.messages[0]).toMatchObject({ offset: '100', key: 'k', time: new Date(0) });
    expect(batch?.messages[0].headers).toEqual({ one: '1', many: 'b' });
  });
});
