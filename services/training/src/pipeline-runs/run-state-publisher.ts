// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events, training } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import type { PipelineRunRecord, RunState } from './pipeline-run';

const states: Record<RunState, training.PipelineRunState> = {
  preparing: training.PipelineRunState.PIPELINE_RUN_STATE_PREPARING,
  training: training.PipelineRunState.PIPELINE_RUN_STATE_TRAINING,
  registering: training.PipelineRunState.PIPELINE_RUN_STATE_REGISTERING,
  evaluating: training.PipelineRunState.PIPELINE_RUN_STATE_EVALUATING,
  gate_failed: training.PipelineRunState.PIPELINE_RUN_STATE_GATE_FAILED,
  awaiting_approval: training.PipelineRunState.PIPELINE_RUN_STATE_AWAITING_APPROVAL,
  succeeded: training.PipelineRunState.PIPELINE_RUN_STATE_SUCCEEDED,
  failed: training.PipelineRunState.PIPELINE_RUN_STATE_FAILED,
  rejected: training.PipelineRunState.PIPELINE_RUN_STATE_REJECTED,
  cancelled: training.PipelineRunState.PIPELINE_RUN_STATE_CANCELLED,
};

export const toProtoRunState = (state: RunState): training.PipelineRunState => states[state];

/** The state that a proto word means; undefined for UNSPECIFIED. */
export function fromProtoRunState(state: training.PipelineRunState): RunState | undefined {
  return (Object.keys(states) as RunState[]).find((name) => states[name] === state);
}

/** Tells others that a run moved on, in the transaction that moved it. */
@Injectable()
export class RunStatePublisher {
  constructor(private readonly publisher: EventPublisher) {}

  /** `from` is undefined for a run that was just made. */
  async publish(tx: Transaction, from: RunState | undefined, run: PipelineRunRecord): Promise<void> {
    await this.publisher.publish(tx, Events.PipelineRunStateChanged, {
      workspace: run.workspace,
      aggregateId: run.id,
      aggregateVersion: run.version,
      data: {
        pipelineRunId: run.id,
        pipelineName: run.pipelineName,
        fromState: from ? states[from] : training.PipelineRunState.PIPELINE_RUN_STATE_UNSPECIFIED,
        toState: states[run.state],
        reason: run.reason,
        registeredModelName: run.spec.registeredModelName,
        modelVersion: run.facts.modelVersion ?? 0,
        proposalId: run.proposalId,
      },
    });
  }
}
