// SPDX-License-Identifier: Apache-2.0
import type { OffsetsByTopicPartition } from 'kafkajs';
import { placeOf, type Place } from '../place-of';

/** Where to go on: the offset after the last message that is done. */
export interface Position extends Place {
  offset: string;
}

type Send = (offsets: OffsetsByTopicPartition) => Promise<void>;

/**
 * The positions of one consumer. Kafka answers the commits of a connection one after the other, some milliseconds each, and kafkajs
 * fetches again when all partitions have theirs: those that come together, or while a commit is under way, are sent as one.
 */
export class PositionCommits {
  private readonly waiting = new Map<string, Position>();
  private readonly begun = new Set<string>();
  private next?: Promise<void>;
  private last: Promise<unknown> = Promise.resolve();

  /**
   * Resolves when Kafka has the position and rejects when it refused the commit that the position was in. `send` is that of any batch
   * of this consumer. A later position of a partition stands for an earlier one that was not sent yet.
   */
  commit(position: Position, send: Send): Promise<void> {
    this.waiting.set(placeOf(position), position);
    this.next ??= this.sendNext(send);
    return this.next;
  }

  /** Kafka has taken a position of this partition from this consumer. */
  hasBegun(place: Place): boolean {
    return this.begun.has(placeOf(place));
  }

  private async sendNext(send: Send): Promise<void> {
    await this.last;
    // Pieces that were handled in one transaction come here in the same turn.
    await new Promise((resolve) => setImmediate(resolve));
    const positions = [...this.waiting];
    this.waiting.clear();
    this.next = undefined;
    const sent = send({ topics: byTopic(positions.map(([, position]) => position)) });
    this.last = sent.catch(() => undefined);
    await sent;
    for (const [place] of positions) this.begun.add(place);
  }
}

function byTopic(positions: readonly Position[]): OffsetsByTopicPartition['topics'] {
  const topics = new Map<string, { partition: number; offset: string }[]>();
  for (const { topic, partition, offset } of positions) {
    const list = topics.get(topic) ?? [];
    topics.set(topic, list);
    list.push({ partition, offset });
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
