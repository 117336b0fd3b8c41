// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { isTerminal, type JobEventRecord, type JobState } from './job';
import type { JobKey } from './jobs.repository';
import { ReadJobs } from './read-jobs';

const POLL_MILLISECONDS = 250;
const EVENTS_AT_ONCE = 100;

/** Streams the history of a job until it has ended or the caller goes away. */
@Injectable()
export class WatchJob {
  constructor(
    private readonly read: ReadJobs,
    private readonly clock: Clock,
  ) {}

  async *execute(
    key: JobKey,
    afterSequence: number,
    signal: AbortSignal,
  ): AsyncGenerator<{ event: JobEventRecord; state: JobState }> {
    let after = afterSequence;
    for (;;) {
      // State first: what is then read of a job that has ended is its whole history.
      const { state } = await this.read.find(key.workspace, key.id);
      const events = await this.read.eventsAfter(key, after, EVENTS_AT_ONCE);
      for (const event of events) {
        after = event.sequence;
        yield { event, state: (event.data.state as JobState | undefined) ?? state };
      }
      if (signal.aborted || (isTerminal(state) && events.length < EVENTS_AT_ONCE)) return;
      if (events.length === 0) await this.clock.sleepUnlessAborted(POLL_MILLISECONDS, signal);
    }
  }
}
