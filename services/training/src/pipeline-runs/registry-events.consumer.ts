// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events, registry } from '#libs/contracts';
import { EventConsumer, type EventHandler, on } from '#libs/messaging';
import { RecordRegistryFact } from './record-registry-fact';
import type { RunFacts } from './pipeline-run';

const outcomes: Partial<Record<registry.ApprovalState, NonNullable<RunFacts['approval']>['state']>> = {
  [registry.ApprovalState.APPROVAL_STATE_APPROVED]: 'approved',
  [registry.ApprovalState.APPROVAL_STATE_REJECTED]: 'rejected',
  [registry.ApprovalState.APPROVAL_STATE_EXPIRED]: 'expired',
  [registry.ApprovalState.APPROVAL_STATE_CANCELLED]: 'cancelled',
};

/** What the registry says about the models of pipeline runs. */
@Injectable()
export class RegistryEventsConsumer extends EventConsumer {
  override readonly group = 'training.pipelines';
  override readonly handlers: EventHandler[];

  constructor(record: RecordRegistryFact) {
    super();
    this.handlers = [
      on(Events.ModelVersionRegistered, (event, tx) =>
        record.execute(tx, event.workspace, event.data.pipelineRunId, { modelVersion: event.data.version }),
      ),
      on(Events.AliasMoved, (event, tx) => record.aliasMoved(tx, event.workspace, event.data)),
      on(Events.ApprovalDecided, async (event, tx) => {
        const { pipelineRunId, decidedBy, reason } = event.data;
        const state = outcomes[event.data.state];
        if (state) await record.execute(tx, event.workspace, pipelineRunId, { approval: { state, by: decidedBy, reason } });
      }),
    ];
  }
}
