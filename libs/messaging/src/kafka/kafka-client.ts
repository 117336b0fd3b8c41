// SPDX-License-Identifier: Apache-2.0
import { connect, type Socket } from 'node:net';
import { Kafka, type Admin, type Consumer, type Producer, type RequestTimeoutEvent } from 'kafkajs';
import type { Logger } from '#libs/observability';
import { kafkaLog, type OffsetReset } from './kafka-log';

export interface KafkaClientOptions {
  brokers: string[];
  service: string;
  logger: Logger;
  /** A request without an answer for this long fails, and its connection ends. Joins of a group have their own, longer limit. */
  requestMsMax: number;
  /** A position was not in its topic any more, and reading begins again at the topic's start. */
  onOffsetReset?: (reset: OffsetReset) => void;
}

const KEEP_ALIVE_AFTER_MS = 30_000;

/**
 * kafkajs for one producer, consumer or admin. When a request times out kafkajs keeps its connection, although the other end may be
 * gone without a word (a cut link, a lost machine): everything sent on it would time out until TCP gives up, after a quarter of an
 * hour. So its sockets are kept here, and those of a broker that does not answer are ended: the next try connects anew.
 */
export class KafkaClient {
  readonly kafka: Kafka;
  private readonly sockets = new Map<string, Set<Socket>>();

  constructor(options: KafkaClientOptions) {
    this.kafka = new Kafka({
      clientId: `millrace-${options.service}`,
      brokers: options.brokers,
      connectionTimeout: 3_000,
      requestTimeout: options.requestMsMax,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
      logCreator: kafkaLog(options.logger, options.onOffsetReset),
      socketFactory: ({ host, port, onConnect }) => this.open(host, port, onConnect),
    });
  }

  /** Ends the connections of that part whenever one of its requests times out. */
  guard(part: Admin | Consumer | Producer): void {
    const dropped = ({ payload }: RequestTimeoutEvent): void => this.drop(payload.broker);
    // One name in three types: the union of their overloads has no common signature.
    const listener = part as unknown as { on(event: string, heard: (event: RequestTimeoutEvent) => void): void };
    listener.on(part.events.REQUEST_TIMEOUT, dropped);
  }

  private open(host: string, port: number, onConnect: () => void): Socket {
    const broker = `${host}:${port}`;
    const socket = connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    const open = this.sockets.get(broker) ?? new Set();
    this.sockets.set(broker, open.add(socket));
    socket.once('close', () => open.delete(socket));
    return socket;
  }

  private drop(broker: string): void {
    // With an error: kafkajs listens to that, not to the close of a socket.
    for (const socket of this.sockets.get(broker) ?? []) socket.destroy(new Error(`${broker} does not answer`));
  }
}
