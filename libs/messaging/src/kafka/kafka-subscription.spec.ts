// SPDX-License-Identifier: Apache-2.0
import type { Kafka } from 'kafkajs';
import { FakeClock } from '#libs/clock';
import { silentLogger } from '#libs/observability';
import { KafkaSubscription } from './kafka-subscription';

type Listener = (event: { payload: object }) => void;

const events = { GROUP_JOIN: 'join', HEARTBEAT: 'beat', REBALANCING: 'rebalancing', CRASH: 'crash' };

/** A consumer that connects, fails or hangs as told, and crashes on demand. */
class FakeConsumer {
  readonly events = events;
  readonly listeners = new Map<string, Listener>();
  disconnected = false;

  constructor(private readonly connecting: () => Promise<void>) {}

  on(name: string, listener: Listener): void {
    this.listeners.set(name, listener);
  }
  connect = (): Promise<void> => this.connecting();
  subscribe = async (): Promise<void> => undefined;
  run = async (): Promise<void> => undefined;
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
  let subscription: KafkaSubscription;
  const settle = () => clock.advance(0);
  const last = (): FakeConsumer => built[built.length - 1];

  beforeEach(async () => {
    built = [];
    fatal = [];
    connecting = async () => undefined;
    const kafka = {
      consumer: () => {
        built.push(new FakeConsumer(() => connecting()));
        return last();
      },
    } as unknown as Kafka;
    subscription = new KafkaSubscription(
      {
        group: 'g',
        topics: ['t'],
        batchSizeMax: 1,
        partitionsConcurrentMax: 1,
        onBatch: async () => ({ processed: 0 }),
        onFatal: (error) => fatal.push(error),
      },
      {
        kafka,
        clock,
        logger: silentLogger(),
        timings: { sessionTimeoutMs: 45_000, heartbeatMs: 3_000, rebalanceTimeoutMs: 60_000, fetchWaitMs: 500 },
        check: async () => undefined,
        onStopped: () => undefined,
      },
    );
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
});
