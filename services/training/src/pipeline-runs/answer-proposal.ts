// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Logger } from '#libs/observability';
import type { Transaction } from '#libs/persistence';
import { PipelinesRepository } from '../pipelines/pipelines.repository';
import { StartPipelineRun } from './start-pipeline-run';

export interface Proposal {
  proposalId: string;
  modelName: string;
  reasons: string[];
}

/** Starts one run per proposal of each pipeline of the model whose policy says so; a proposal is never more than a proposal. */
@Injectable()
export class AnswerProposal {
  constructor(
    private readonly pipelines: PipelinesRepository,
    private readonly start: StartPipelineRun,
    private readonly logger: Logger,
  ) {}

  async execute(tx: Transaction, workspace: string, proposal: Proposal): Promise<void> {
    for (const pipeline of await this.pipelines.listByModel(tx, workspace, proposal.modelName)) {
      const { onProposal, feedback } = pipeline.spec;
      const ids = { proposalId: proposal.proposalId, pipelineId: pipeline.id };
      if (onProposal !== 'auto') {
        this.logger.info({ ...ids, onProposal }, 'proposal left to people');
        continue;
      }
      const reason = `proposal: ${proposal.reasons.join('; ')}`.slice(0, 1000);
      const overrides = {
        useFeedback: feedback !== null,
        trainDatasetVersionIds: [],
        trainPromptTemplate: '',
        hyperparameters: {},
        reason,
      };
      const caller = { workspace, subject: 'service:monitoring' };
      const run = await this.start.insert(tx, caller, pipeline, { overrides, proposalId: proposal.proposalId });
      this.logger.info({ ...ids, pipelineRunId: run?.id ?? '', isNew: run !== undefined }, 'proposal answered');
    }
  }
}
