// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '#libs/clock';
import type { Logger } from '#libs/observability';
import type { BatchOutcome, IncomingMessage, SubscribeOptions } from '../broker';
import { ReadPace } from '../read-pace';
import { Signal } from '../signal';
import type { Claim, GroupStore, Member } from './group-store';
import type { LogStore, TopicRow } from './log-store';
import type { Slots } from '../slots';

export interface WorkerTools {
  log: LogStore;
  groups: GroupStore;
  clock: Clock;
  logger: Logger;
  slots: Slots;
  options: SubscribeOptions;
  /** The commit was refused: somebody else owns the partition. */
  onLost: (worker: PartitionWorker) => void;
}

/** Messages per read, whatever the consumer would take. */
const READ_MAX = 500;

/** Reads one partition for one member: batch, handle, commit, again. Ends when released, lost or stopped. */
export class PartitionWorker {
  private readonly stopping = new AbortController();
  private readonly signal: Signal;
  private readonly pace: ReadPace;
  private position: bigint;
  private running?: Promise<void>;

  constructor(
    readonly member: Member,
    readonly topic: TopicRow,
    readonly claim: Claim,
    private readonly tools: WorkerTools,
  ) {
    this.position = claim.committed;
    this.signal = new Signal(tools.clock);
    this.pace = new ReadPace(Math.min(tools.options.batchSizeMax, READ_MAX));
  }

  get place(): string {
    return `${this.topic.id}/${this.claim.partition}`;
  }

  start(): void {
    this.running ??= this.loop();
  }

  /** The next offset that this worker will read. */
  get nextOffset(): bigint {
    return this.position;
  }

  wake(): void {
    this.signal.set();
  }

  /** The log ends before the place that was read already: it was truncated or restored. Start over; the inbox knows what is done. */
  startOver(end: bigint): void {
    const { topic, claim, member } = this;
    this.tools.logger.error(
      { group: member.group, topic: topic.name, partition: claim.partition, position: String(this.position), end: String(end) },
      'event log is shorter than what was read: reading it again from its start',
    );
    this.position = 0n;
    this.signal.set();
  }

  /** Ends after the event in hand; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.abort();
    await this.running;
  }

  /** Ends as soon as it can, without being waited for: the partition is lost. */
  abort(): void {
    this.stopping.abort(new DOMException('the partition is given up', 'AbortError'));
    this.signal.set();
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async loop(): Promise<void> {
    let failures = 0;
    while (!this.stopped) {
      try {
        this.signal.reset();
        const messages = await this.read();
        failures = 0;
        // No look of its own: a notice wakes it, and the broker's look where one was lost. Hundreds of partitions that each asked once
        // in a while would all ask at the same moment, on connections opened for that alone.
        if (messages.length === 0) await this.signal.wait();
        else if (!(await this.handle(messages))) return this.tools.onLost(this);
      } catch (error) {
        failures += 1;
        const { group } = this.member;
        this.tools.logger.warn(
          { group, topic: this.topic.name, partition: this.claim.partition, err: error },
          'partition interrupted',
        );
        await this.sleep(Math.min(5_000, 100 * 2 ** failures));
      }
    }
  }

  private async read(): Promise<IncomingMessage[]> {
    const messages = await this.tools.log.read(this.topic, this.claim.partition, this.position, this.pace.next);
    this.pace.saw(messages.map(({ value }) => value?.length ?? 0));
    const first = messages[0];
    if (first && BigInt(first.offset) > this.position) {
      // Offsets have no holes, so what lies between was removed by age before this group read it.
      this.tools.logger.error(
        {
          group: this.member.group,
          topic: this.topic.name,
          partition: this.claim.partition,
          from: String(this.position),
          to: first.offset,
        },
        'messages expired before they were read',
      );
      this.position = BigInt(first.offset);
    }
    return messages;
  }

  /** False when the commit was refused. */
  private async handle(messages: IncomingMessage[]): Promise<boolean> {
    const outcome = await this.tools.slots.run(() => this.call(messages));
    const last = messages[outcome.processed - 1];
    if (last) {
      this.position = BigInt(last.offset) + 1n;
      if (!(await this.tools.groups.commit(this.member, this.claim, this.position))) return false;
    }
    if (outcome.pauseMs !== undefined) await this.sleep(outcome.pauseMs);
    return true;
  }

  private async call(messages: IncomingMessage[]): Promise<BatchOutcome> {
    if (this.stopped) return { processed: 0 };
    return this.tools.options.onBatch({
      topic: this.topic.name,
      partition: this.claim.partition,
      messages,
      signal: this.stopping.signal,
    });
  }

  private async sleep(ms: number): Promise<void> {
    await this.tools.clock.sleepUnlessAborted(ms, this.stopping.signal);
  }
}
