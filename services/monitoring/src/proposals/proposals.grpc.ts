// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { monitoring } from '#libs/contracts';
import { invalidFields, notFound } from '#libs/errors';
import { Database, UnitOfWork } from '#libs/persistence';
import { RpcController, type RpcContext } from '#libs/rpc';
import { readPage } from '../page';
import { ProposalsRepository, type Proposal } from './proposals.repository';
import { ResolveProposal } from './resolve-proposal';

@RpcController(monitoring.ProposalServiceService)
@Injectable()
export class ProposalsGrpc {
  constructor(
    private readonly proposals: ProposalsRepository,
    private readonly resolve: ResolveProposal,
    private readonly unitOfWork: UnitOfWork,
    private readonly db: Database,
  ) {}

  async getProposal({ id }: monitoring.GetProposalRequest, ctx: RpcContext): Promise<monitoring.GetProposalResponse> {
    const found = await this.proposals.find(this.db, ctx.workspace, id);
    if (!found) throw notFound('proposal', id);
    return { proposal: toProposal(found) };
  }

  async listProposals(request: monitoring.ListProposalsRequest, ctx: RpcContext): Promise<monitoring.ListProposalsResponse> {
    const filter = {
      workspace: ctx.workspace,
      ...(request.state === '' ? {} : { state: request.state }),
      ...(request.modelName === '' ? {} : { modelName: request.modelName }),
    };
    const page = await readPage(request, filter, {
      name: 'proposals',
      read: (before, size) => this.proposals.list(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
    return { proposals: page.items.map(toProposal), nextPageToken: page.nextPageToken };
  }

  // Resolving the same way twice is one resolution: the request needs no further protection by its id.
  async resolveProposal(
    request: monitoring.ResolveProposalRequest,
    ctx: RpcContext,
  ): Promise<monitoring.ResolveProposalResponse> {
    const { id: proposalId, resolution, pipelineRunId, reason } = request;
    if (resolution !== 'accepted' && resolution !== 'refused' && resolution !== 'expired') {
      throw invalidFields({ field: 'resolution', message: 'must be accepted, refused or expired' });
    }
    const input = { workspace: ctx.workspace, proposalId, resolution, pipelineRunId, reason } as const;
    return { proposal: toProposal(await this.unitOfWork.run((tx) => this.resolve.execute(tx, input))) };
  }
}

function toProposal(proposal: Proposal): monitoring.Proposal {
  const { workspace: _workspace, corrections, resolveTime, ...rest } = proposal;
  return { ...rest, corrections: String(corrections), resolveTime: resolveTime ?? undefined };
}
