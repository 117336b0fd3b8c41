// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { IsIn, IsInt, IsOptional, IsString, MaxLength, Min } from 'class-validator';
import { notFound } from '#libs/errors';
import { Answers, Ctx, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { Database, UnitOfWork } from '#libs/persistence';
import { PROPOSAL, PROPOSALS, PROPOSAL_POLICY } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import { ProposalsRepository, type Proposal } from './proposals.repository';
import { ResolveProposal } from './resolve-proposal';

class ListProposalsQuery extends PageQuery {
  @IsOptional()
  @IsIn(['open', 'accepted', 'refused', 'expired'])
  state?: string;

  @IsOptional()
  @IsString()
  modelName?: string;
}

class ResolveBody {
  @IsIn(['accepted', 'refused', 'expired'])
  resolution: 'accepted' | 'refused' | 'expired';

  @IsOptional()
  @IsString()
  @MaxLength(200)
  pipelineRunId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  reason?: string;
}

class PolicyBody {
  @IsInt()
  @Min(0)
  correctionsMin: number;

  @IsInt()
  @Min(1)
  volumeMin: number;
}

@Controller('api/v1')
export class ProposalsHttp {
  constructor(
    private readonly proposals: ProposalsRepository,
    private readonly resolveProposal: ResolveProposal,
    private readonly unitOfWork: UnitOfWork,
    private readonly db: Database,
  ) {}

  @Answers('Retraining proposals, newest first', PROPOSALS)
  @Get('proposals')
  list(@ValidQuery(ListProposalsQuery) query: ListProposalsQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Proposal>> {
    const { pageSize: _size, pageToken: _token, ...fields } = query;
    const filter = { workspace, ...fields };
    return readPage(query, filter, {
      name: 'proposals',
      read: (before, size) => this.proposals.list(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
  }

  @Answers('One proposal', PROPOSAL)
  @Get('proposals/:id')
  async get(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<Proposal> {
    const found = await this.proposals.find(this.db, workspace, id);
    if (!found) throw notFound('proposal', id);
    return found;
  }

  @Answers('Accept, refuse or expire a proposal', PROPOSAL)
  @Post('proposals/:id/resolve')
  @HttpCode(200)
  resolve(
    @Param('id') proposalId: string,
    @ValidBody(ResolveBody) body: ResolveBody,
    @Ctx() { workspace }: RequestContext,
  ): Promise<Proposal> {
    const { resolution, pipelineRunId = '', reason = '' } = body;
    return this.unitOfWork.run((tx) =>
      this.resolveProposal.execute(tx, { workspace, proposalId, resolution, pipelineRunId, reason }),
    );
  }

  /** How many corrections a proposal for this model needs, in place of the settings. */
  @Answers('How many corrections a proposal for this model needs', PROPOSAL_POLICY)
  @Put('proposal-policies/:modelName')
  async putPolicy(
    @Param('modelName') modelName: string,
    @ValidBody(PolicyBody) body: PolicyBody,
    @Ctx() { workspace }: RequestContext,
  ): Promise<{ modelName: string; correctionsMin: number; volumeMin: number }> {
    const policy = { correctionsMin: body.correctionsMin, volumeMin: body.volumeMin };
    await this.proposals.putPolicy(this.db, workspace, modelName, policy);
    return { modelName, ...policy };
  }
}
