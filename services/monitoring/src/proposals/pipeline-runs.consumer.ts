// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { hasCode } from '#libs/errors';
import { EventConsumer, on } from '#libs/messaging';
import { ResolveProposal } from './resolve-proposal';

/** A pipeline run that names a proposal has taken it up. */
@Injectable()
export class PipelineRunsConsumer extends EventConsumer {
  readonly group = 'monitoring.pipeline-runs';
  readonly handlers = [
    on(Events.PipelineRunStateChanged, async ({ workspace, data }, tx) => {
      if (data.proposalId === '') return;
      const input = {
        workspace,
        proposalId: data.proposalId,
        resolution: 'accepted' as const,
        pipelineRunId: data.pipelineRunId,
      };
      try {
        await this.resolveProposal.execute(tx, { ...input, reason: `pipeline run of ${data.pipelineName}` });
      } catch (error) {
        // Each later state of the run says it again, and a person may have refused it meanwhile: both change nothing.
        if (!hasCode(error, 'MONITORING.PROPOSAL_RESOLVED') && !hasCode(error, 'COMMON.NOT_FOUND')) throw error;
      }
    }),
  ];

  constructor(private readonly resolveProposal: ResolveProposal) {
    super();
  }
}
