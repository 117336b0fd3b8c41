// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import { Events } from '#libs/contracts';
import { notFound } from '#libs/errors';
import { EventPublisher } from '#libs/messaging';
import type { Transaction } from '#libs/persistence';
import { MonitoringErrors } from '../monitoring.errors';
import { MonitoringMetrics } from '../monitoring.metrics';
import { ProposalsRepository, type Proposal, type ProposalState } from './proposals.repository';

export interface ResolveProposalInput {
  workspace: string;
  proposalId: string;
  resolution: Exclude<ProposalState, 'open'>;
  pipelineRunId: string;
  reason: string;
}

/** A proposal was taken up or refused, by a person or by the pipeline run that names it. Done once. */
@Injectable()
export class ResolveProposal {
  constructor(
    private readonly proposals: ProposalsRepository,
    private readonly publisher: EventPublisher,
    private readonly clock: Clock,
    private readonly metrics: MonitoringMetrics,
  ) {}

  async execute(tx: Transaction, input: ResolveProposalInput): Promise<Proposal> {
    const proposal = await this.proposals.lock(tx, input.workspace, input.proposalId);
    if (!proposal) throw notFound('proposal', input.proposalId);
    if (proposal.state === input.resolution && proposal.pipelineRunId === input.pipelineRunId) return proposal;
    if (proposal.state !== 'open') {
      throw MonitoringErrors.PROPOSAL_RESOLVED(`proposal ${proposal.id} is ${proposal.state}`, { state: proposal.state });
    }
    const resolved: Proposal = {
      ...proposal,
      state: input.resolution,
      pipelineRunId: input.pipelineRunId,
      resolveReason: input.reason,
      resolveTime: this.clock.now(),
    };
    await this.proposals.save(tx, resolved);
    await this.publisher.publish(tx, Events.ProposalResolved, {
      workspace: proposal.workspace,
      aggregateId: proposal.id,
      aggregateVersion: 2,
      data: {
        proposalId: proposal.id,
        modelName: proposal.modelName,
        resolution: input.resolution,
        pipelineRunId: input.pipelineRunId,
      },
    });
    this.metrics.proposals.inc({ state: input.resolution });
    return resolved;
  }
}
