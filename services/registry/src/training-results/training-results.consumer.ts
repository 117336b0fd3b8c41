// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on, type ReceivedEvent } from '#libs/messaging';
import type { Caller } from '../caller';
import { RecordEvaluation } from './record-evaluation';
import { RecordJobProgress } from './record-job-progress';
import { RecordTrainingResult } from './record-training-result';

/** What the registry does when training says something. */
@Injectable()
export class TrainingResultsConsumer extends EventConsumer {
  readonly group = 'registry.training-results';

  constructor(
    private readonly progress: RecordJobProgress,
    private readonly result: RecordTrainingResult,
    private readonly evaluation: RecordEvaluation,
  ) {
    super();
  }

  readonly handlers = [
    on(Events.JobQueued, (event, tx) =>
      this.progress.execute(tx, callerOf(event), { kind: 'queued', data: event.data, time: event.time }),
    ),
    on(Events.JobStarted, (event, tx) =>
      this.progress.execute(tx, callerOf(event), { kind: 'started', data: event.data, time: event.time }),
    ),
    on(Events.JobProgressed, (event, tx) =>
      this.progress.execute(tx, callerOf(event), { kind: 'progressed', data: event.data, time: event.time }),
    ),
    on(Events.JobFailed, (event, tx) =>
      this.progress.execute(tx, callerOf(event), { kind: 'failed', data: event.data, time: event.time }),
    ),
    on(Events.JobCancelled, (event, tx) =>
      this.progress.execute(tx, callerOf(event), { kind: 'cancelled', data: event.data, time: event.time }),
    ),
    on(Events.JobSucceeded, (event, tx) => this.result.execute(tx, callerOf(event), event.data, event.time)),
    on(Events.EvaluationSucceeded, (event, tx) => this.evaluation.execute(tx, callerOf(event), event.data, event.time)),
  ];
}

function callerOf(event: ReceivedEvent): Caller {
  return { workspace: event.workspace, actor: 'service:training' };
}
