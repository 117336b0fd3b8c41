// SPDX-License-Identifier: Apache-2.0
import type { EventDefinition } from '#libs/contracts';
import { CommonErrors } from '#libs/errors';
import { Clock, Ids } from '#libs/clock';
import { traceparent } from '#libs/observability';
import type { Transaction } from '#libs/persistence';
import { toHeaders } from './cloud-events';
import { MessagingErrors } from './messaging.errors';

/** A fact to tell others. */
export interface NewEvent<T> {
  workspace: string;
  /** Record key: events of one aggregate keep their order. */
  aggregateId: string;
  /** Counts up by one with each change of the aggregate, in the same transaction. */
  aggregateVersion: number;
  data: T;
  /** Default: the aggregate id. */
  subject?: string;
  /** Deterministic id, for who may publish the same fact twice; default: a new UUIDv7. Must be a UUID. */
  id?: string;
}

/** Writes events into the outbox, in the transaction of the change that they tell about. Returns the event ids. */
export abstract class EventPublisher {
  abstract publish<T>(tx: Transaction, definition: EventDefinition<T>, event: NewEvent<T>): Promise<string>;
  abstract publishMany<T>(tx: Transaction, definition: EventDefinition<T>, events: readonly NewEvent<T>[]): Promise<string[]>;
}

export interface OutboxPublisherOptions {
  service: string;
  build: string;
  clock: Clock;
  ids: Ids;
  /** Called after each commit that left events in the outbox. */
  wake: () => void;
  payloadBytesMax?: number;
}

// Below Kafka's default message limit of 1 MiB, with room for key and headers.
const PAYLOAD_BYTES_MAX = 900 * 1024;

/** The outbox of one service. */
export class OutboxPublisher extends EventPublisher {
  constructor(private readonly options: OutboxPublisherOptions) {
    super();
  }

  async publish<T>(tx: Transaction, definition: EventDefinition<T>, event: NewEvent<T>): Promise<string> {
    const [id] = await this.publishMany(tx, definition, [event]);
    return id;
  }

  async publishMany<T>(tx: Transaction, definition: EventDefinition<T>, events: readonly NewEvent<T>[]): Promise<string[]> {
    if (events.length === 0) return [];
    const trace = traceparent();
    const rows = events.map((event) => this.toRow(definition, event, trace));
    const column = <K extends keyof (typeof rows)[number]>(name: K): (typeof rows)[number][K][] => rows.map((row) => row[name]);
    await tx.query(
      `insert into outbox (workspace, id, topic, aggregatetype, aggregateid, type, payload, headers)
       select workspace, id, $7, $8, aggregateid, $6, payload, headers
       from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[])
         with ordinality as t (workspace, id, aggregateid, payload, headers, ord)
       order by ord`,
      [
        column('workspace'),
        column('id'),
        column('aggregateId'),
        column('payload'),
        column('headers'),
        definition.type,
        definition.topic,
        definition.topic.replace(/\.v\d+$/, ''),
      ],
    );
    tx.afterCommit(this.options.wake);
    return column('id');
  }

  private toRow<T>(definition: EventDefinition<T>, event: NewEvent<T>, trace: string | undefined) {
    const { workspace, aggregateId, aggregateVersion } = event;
    if (workspace === '' || aggregateId === '') {
      throw CommonErrors.INTERNAL(`event ${definition.type} needs a workspace and an aggregate id`);
    }
    const payload = JSON.stringify(definition.toJSON(event.data));
    const bytes = Buffer.byteLength(payload);
    const bytesMax = this.options.payloadBytesMax ?? PAYLOAD_BYTES_MAX;
    if (bytes > bytesMax) {
      throw MessagingErrors.EVENT_TOO_LARGE(`event ${definition.type} has ${bytes} bytes; at most ${bytesMax} are allowed`, {
        bytes,
      });
    }
    const id = event.id ?? this.options.ids.next();
    const headers = toHeaders({
      id,
      source: `millrace/${this.options.service}`,
      type: definition.type,
      subject: event.subject ?? aggregateId,
      time: this.options.clock.now(),
      workspace,
      aggregateId,
      aggregateVersion,
      build: this.options.build,
      ...(trace === undefined ? {} : { traceparent: trace }),
    });
    return { workspace, id, aggregateId, payload, headers: JSON.stringify(headers) };
  }
}
