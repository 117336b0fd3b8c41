// SPDX-License-Identifier: Apache-2.0

/** Where a consumer group stands in one partition. Offsets are decimal texts. */
export interface GroupPosition {
  topic: string;
  partition: number;
  /** Next offset that the group will read; null when it committed nothing yet (then it begins at `start`). */
  committed: string | null;
  /** Oldest offset that the broker still keeps. */
  start: string;
  /** Offset that the next message will get. */
  end: string;
  /** Messages between the group's position and the end. */
  lag: number;
}

/** A place to put a group to. */
export interface NewPosition {
  topic: string;
  partition: number;
  offset: string;
}

/**
 * Looks at and moves the positions of consumer groups, for tools of operators: after a restore, or to have a topic read again.
 * Moving back is safe: the inbox of each consumer ignores what it had handled before.
 */
export abstract class GroupOffsets {
  abstract readonly kind: 'event-log' | 'kafka';
  /** Members of the group that are alive. */
  abstract members(group: string): Promise<number>;
  /** Positions in all partitions of these topics, sorted. Throws MESSAGING.UNKNOWN_TOPIC. */
  abstract positions(group: string, topics: readonly string[]): Promise<GroupPosition[]>;
  /** Offset of the first message written at that time or later, by partition; the end where there is none. */
  abstract offsetsAt(topic: string, time: Date): Promise<Map<number, string>>;
  /**
   * Moves the group. On Kafka nobody may be a member meanwhile (MESSAGING.GROUP_IN_USE); in the event log members that are alive
   * go on from the new place.
   */
  abstract move(group: string, positions: readonly NewPosition[]): Promise<void>;
  abstract close(): Promise<void>;
}
