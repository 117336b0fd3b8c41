// SPDX-License-Identifier: Apache-2.0
import { FakeClock } from '#libs/clock';
import { silentLogger } from '#libs/observability';
import type { KafkaClient } from './kafka-client';
import { KafkaSubscription } from './kafka-subscription';

type Listener = (event: { payload: object }) => void;

const events = { GROUP_JOIN: 'join', HEARTBEAT: 'beat', REBALANCING: 'rebalancing', CRASH: 'crash', FETCH: 'fetch' };

/** A consumer that connects, fails or hangs as told, and crashes on demand. */
class FakeConsumer {
  readonly events = events;
  readonly listeners = new Map<string, Listener>();
  disconnected = false;

  constructor(
    private readonly connecting: () => Promise<void>,
    readonly run: () => Promise<void>,
  ) {}

  on(name: string, listener: Listener): void {
    this.listeners.set(name, listener);
  }
  connect = (): Promise<void> => this.connecting();
  subscribe = async (): Promise<void> => undefined;
  disconnect = async (): Promise<void> => {
    this.disconnected = true;
  };
  emit(name: string, payload: object): void {
    this.listeners.get(name)?.({ payload });
  }
}

describe('a supervised Kafka consumer', () => {
  const clock = new FakeClock();
  let built: FakeConsumer[];
  let fatal: unknown[];
  let connecting: () => Promise<void>;
  let running: () => Promise<void>;
  let subscription: KafkaSubscription;
  let supervised: () => KafkaSubscription;
  let errors: object[];
  const settle = () => clock.advance(0);
  const last = (): FakeConsumer => built[built.length - 1];

  beforeEach(async () => {
    built = [];
    fatal = [];
    connecting = async () => undefined;
    running = async () => undefined;
    errors = [];
    const logger = silentLogger();
    jest.spyOn(logger, 'error').mockImplementation((fields) => errors.push(fields));
    const kafka = {
      consumer: () => {
        built.push(
          new FakeConsumer(
            () => connecting(),
            () => running(),
          ),
        );
        return last();
      },
    };
    supervised = () =>
      new KafkaSubscription(
        {
          group: 'g',
          topics: ['t'],
          batchSizeMax: 1,
          partitionsConcurrentMax: 1,
          onBatch: async () => ({ processed: 0 }),
          onFatal: (error) => fatal.push(error),
        },
        {
          client: { kafka, guard: () => undefined } as unknown as KafkaClient,
          clock,
          logger,
          timings: { sessionTimeoutMs: 45_000, heartbeatMs: 3_000, rebalanceTimeoutMs: 60_000, fetchWaitMs: 500 },
          check: async () => undefined,
          onStopped: () => undefined,
        },
      );
    subscription = supervised();
    await subscription.start();
  });
  afterEach(() => subscription.stop());

  it('is built again after a crash that kafkajs does not survive, and keeps its assignment honest', async () => {
    last().emit(events.GROUP_JOIN, { memberAssignment: { t: [0, 2] } });
    expect(subscription.assignment()).toEqual(['t/0', 't/2']);
    last().emit(events.CRASH, { error: new TypeError('a bug'), restart: false });
    await settle();
    expect(built).toHaveLength(2);
    expect(built[0].disconnected).toBe(true);
    expect(subscription.assignment()).toEqual([]);
    expect(subscription.rebuilds()).toBe(1);
    built[0].emit(events.GROUP_JOIN, { memberAssignment: { t: [9] } }); // the dead one has no say any more
    expect(subscription.assignment()).toEqual([]);
  });

  it('ends the process after too many crashes, but never because Kafka is away', async () => {
    const outage = Object.assign(new Error('no broker'), { name: 'KafkaJSNumberOfRetriesExceeded' });
    for (let n = 0; n < 20; n += 1) {
      last().emit(events.CRASH, { error: outage, restart: false });
      await settle();
    }
    expect(built).toHaveLength(21);
    expect(fatal).toEqual([]);
    const bug = new TypeError('a bug');
    for (let n = 0; n < 6; n += 1) {
      last().emit(events.CRASH, { error: bug, restart: false });
      await settle();
    }
    expect(fatal).toEqual([bug]);
    expect(subscription.trouble()).toMatch(/crashed 6 times/);
  });

  it('(found by fault F23) does not count a refused connection that kafkajs wraps and calls not retriable', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' });
    const wrapped = new Error(refused.message, { cause: refused });
    Object.assign(wrapped, { name: 'KafkaJSNonRetriableError', retriable: false });
    for (let n = 0; n < 20; n += 1) {
      last().emit(events.CRASH, { error: wrapped, restart: false });
      await settle();
    }
    expect(built).toHaveLength(21);
    expect(fatal).toEqual([]);
  });

  it('(found by fault F6) notices a crash of the consumer that is being built: kafkajs calls that one running', async () => {
    let crashes = 0;
    running = async () => {
      crashes += 1;
      if (crashes < 3) last().emit(events.CRASH, { error: new Error('the coordinator is loading'), restart: false });
    };
    last().emit(events.CRASH, { error: new Error('x'), restart: false });
    await settle();
    await clock.advance(5_000);
    expect(built).toHaveLength(4);
    expect(built.map((consumer) => consumer.disconnected)).toEqual([true, true, true, false]);
  });

  it('goes on trying to be built, and a stop in between ends what comes of it', async () => {
    let tries = 0;
    let connect = (): void => undefined;
    connecting = async () => {
      tries += 1;
      if (tries < 3) throw new Error('refused');
      await new Promise<void>((resolve) => (connect = resolve));
    };
    last().emit(events.CRASH, { error: new Error('x'), restart: false });
    await settle();
    await clock.advance(5_000);
    expect(tries).toBe(3);
    await subscription.stop();
    connect();
    await settle();
    expect(built.every((consumer, index) => index === 0 || consumer.disconnected)).toBe(true);
    expect(subscription.assignment()).toEqual([]);
  });

  describe('with partitions', () => {
    const stall = async (): Promise<void> => {
      // Heartbeats go on all the time: only the fetches are missing.
      for (let seconds = 0; seconds < 80; seconds += 10) {
        last().emit(events.HEARTBEAT, {});
        await clock.advance(10_000);
        jest.advanceTimersByTime(15_000);
        await settle();
      }
    };
    beforeEach(async () => {
      await subscription.stop();
      // Only the supervision's interval: the fake clock needs real turns of the event loop.
      jest.useFakeTimers({
        doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'setTimeout', 'clearTimeout', 'performance', 'Date'],
      });
      subscription = supervised();
      await subscription.start();
      last().emit(events.GROUP_JOIN, { memberAssignment: { t: [0] } });
    });
    afterEach(() => jest.useRealTimers());

    it('that fetches nothing for a minute is built again, and ends the process when that does not help', async () => {
      await stall();
      expect(built.length).toBe(3);
      expect(fatal).toEqual([]);
      last().emit(events.GROUP_JOIN, { memberAssignment: { t: [0] } });
      await stall();
      expect(subscription.trouble()).toMatch(/nothing fetched for 60000 ms/);
      expect(fatal).toHaveLength(1);
      await stall();
      expect(fatal).toHaveLength(1);
    });

    it('is left alone while it fetches, and while it has none', async () => {
      for (let minutes = 0; minutes < 3; minutes += 1) {
        last().emit(events.FETCH, {});
        last().emit(events.HEARTBEAT, {});
        await clock.advance(50_000);
        jest.advanceTimersByTime(50_000);
        await settle();
      }
      last().emit(events.GROUP_JOIN, { memberAssignment: {} });
      await stall();
      expect(built.length).toBe(2);
      expect(subscription.trouble()).toBeUndefined();
    });
  });

  it('counts and tells of positions that the topic does not have any more', () => {
    subscription.offsetWasReset({ group: 'g', topic: 't', partition: 1 });
    expect(subscription.offsetResets()).toBe(1);
    expect(errors).toEqual([expect.objectContaining({ group: 'g', topic: 't', partition: 1 })]);
  });
});
