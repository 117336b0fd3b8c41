// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { DriftRow } from './drift-detection';
import type { Monitor } from './monitor';

export interface TimedRow extends DriftRow {
  requestTime: Date;
}

/** One rating that a quality monitor reads. */
export interface RatedEvent {
  inferenceId: string;
  good: boolean;
  /** RFC 3339, to the microsecond as the database keeps it: a `Date` would let ratings of one millisecond be read twice. */
  matchTime: string;
}

export abstract class MonitorsRepository {
  /** Throws MONITORING.MONITOR_NAME_TAKEN. */
  abstract insert(db: Queryable, monitor: Monitor): Promise<void>;
  abstract save(db: Queryable, monitor: Monitor): Promise<void>;
  abstract find(db: Queryable, workspace: string, idOrName: string): Promise<Monitor | undefined>;
  abstract lock(db: Queryable, workspace: string, idOrName: string): Promise<Monitor | undefined>;
  abstract list(db: Queryable, workspace: string, page: { after?: string; size: number }): Promise<Monitor[]>;
  abstract delete(db: Queryable, workspace: string, id: string): Promise<void>;
  /** Locks one monitor that is due and that no other process evaluates. */
  abstract claimDue(db: Queryable): Promise<Monitor | undefined>;
  /** Says that it was not evaluated; due again after its time. What fired stays firing. */
  abstract putOff(db: Queryable, monitor: Monitor, reason: string): Promise<void>;
  abstract lockOfEndpoint(db: Queryable, workspace: string, endpoint: string): Promise<Monitor[]>;
  /** Texts by their first 8,000 characters. */
  abstract referenceRows(db: Queryable, monitor: Monitor): Promise<DriftRow[]>;
  abstract putReferenceRows(db: Queryable, monitor: Monitor, rows: readonly DriftRow[]): Promise<void>;
  /** Answered requests with captured input after a time: the oldest or the newest ones, always in order of time. Texts by their first 8,000 characters. */
  abstract requests(
    db: Queryable,
    monitor: Monitor,
    choice: { after: Date; which: 'oldest' | 'newest'; rowsMax: number },
  ): Promise<TimedRow[]>;
  abstract lastRequestTime(db: Queryable, monitor: Monitor): Promise<Date | undefined>;
  /** Accepted ratings of what the current version answered (no canary), in order of arrival. */
  abstract ratedEvents(db: Queryable, monitor: Monitor, choice: { after: string; rowsMax: number }): Promise<RatedEvent[]>;
}
