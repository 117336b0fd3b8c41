// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { isAppError } from '#libs/errors';
import { GroupOffsets, type GroupPosition, type NewPosition } from '../group-offsets';
import { MessagingErrors } from '../messaging.errors';
import { beginConnectionsFresh } from './fresh-connection-fix';
import { stopIdleTimers } from './idle-timer-fix';
import { isOutage, mapKafkaError, protocolType } from './kafka-errors';

const PATIENCE_MS = 10_000;

/** Positions of groups on Kafka. */
export class KafkaOffsets extends GroupOffsets {
  readonly kind = 'kafka';
  private readonly admin: Admin;
  private connected = false;

  constructor(brokers: string[]) {
    super();
    stopIdleTimers();
    beginConnectionsFresh();
    // Faults are thrown to the tool, which prints them: within seconds, as whoever asks may be looking for a broker that is down.
    this.admin = new Kafka({
      clientId: 'millrace-consumers-tool',
      brokers,
      connectionTimeout: 3_000,
      requestTimeout: 3_000,
      retry: { retries: 4, maxRetryTime: 1_000 },
      logLevel: logLevel.NOTHING,
    }).admin();
  }

  async members(group: string): Promise<number> {
    return this.ask(async () => {
      const { groups } = await this.admin.describeGroups([group]);
      return groups[0]?.members.length ?? 0;
    });
  }

  async positions(group: string, topics: readonly string[]): Promise<GroupPosition[]> {
    return this.ask(async () => {
      const committed = new Map<string, string>();
      for (const { topic, partitions } of await this.admin.fetchOffsets({ groupId: group, topics: [...topics] })) {
        for (const { partition, offset } of partitions) committed.set(`${topic}/${partition}`, offset);
      }
      const found: GroupPosition[] = [];
      for (const topic of [...topics].sort()) {
        const ends = await this.admin.fetchTopicOffsets(topic);
        for (const { partition, low, high } of ends.sort((a, b) => a.partition - b.partition)) {
          const offset = committed.get(`${topic}/${partition}`) ?? '-1';
          const position = BigInt(offset) < BigInt(low) ? BigInt(low) : BigInt(offset);
          const lag = Math.max(0, Number(BigInt(high) - position));
          found.push({ topic, partition, committed: offset === '-1' ? null : offset, start: low, end: high, lag });
        }
      }
      return found;
    });
  }

  async offsetsAt(topic: string, time: Date): Promise<Map<number, string>> {
    return this.ask(async () => {
      const offsets = await this.admin.fetchTopicOffsetsByTimestamp(topic, time.getTime());
      return new Map(offsets.map(({ partition, offset }) => [partition, offset]));
    });
  }

  async move(group: string, positions: readonly NewPosition[]): Promise<void> {
    const members = await this.members(group);
    if (members > 0)
      throw MessagingErrors.GROUP_IN_USE(
        `${members} member${members === 1 ? ' is' : 's are'} reading as ${group}: stop all processes of its service, move, start them again`,
        { group, members },
      );
    for (const topic of new Set(positions.map((position) => position.topic))) {
      const own = positions.filter((position) => position.topic === topic);
      const partitions = own.map(({ partition, offset }) => ({ partition, offset }));
      await this.ask(() => this.admin.setOffsets({ groupId: group, topic, partitions }));
    }
  }

  async close(): Promise<void> {
    if (this.connected) await this.admin.disconnect();
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    const endMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        if (!this.connected) await this.admin.connect();
        this.connected = true;
        return await question();
      } catch (error) {
        // A broker that has just started, or a group that has just changed, says "not yet", and this part of kafkajs does not ask again.
        if (!isPassing(error) || performance.now() > endMs) throw isAppError(error) ? error : explained(error);
        await delay(200);
      }
    }
  }
}

/** "Not yet" of a broker that answers, however often kafkajs has asked; one that does not answer is told at once. */
function isPassing(error: unknown): boolean {
  const type = protocolType(error);
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
  return (error as { retriable?: boolean }).retriable === true || (type !== undefined && isOutage(error));
}

/** Commands are for people: kafkajs' own words go along. */
function explained(error: unknown): Error {
  if (protocolType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return mapKafkaError(error);
  return MessagingErrors.BROKER_UNAVAILABLE(`Kafka does not answer as expected: ${(error as Error).message}`, {}, error);
}
