// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import type { registry } from '#libs/contracts';
import { Answers, Ctx, type RequestContext, Requires, ValidBody, ValidQuery } from '#libs/http';
import { pageSize } from '#libs/persistence';
import { APPROVAL, APPROVALS } from '../http-answers';
import { approvalToProto } from '../models/models.mapping';
import { ApprovalsQuery, DecisionBody } from './approvals.dto';
import { DecideApproval } from './decide-approval';
import { FindApprovals } from './find-approvals';

/** Approvals of alias moves: list, read, decide. */
@Controller('api/v1/approvals')
export class ApprovalsHttp {
  constructor(
    private readonly find: FindApprovals,
    private readonly decideApproval: DecideApproval,
  ) {}

  @Answers('Approvals, newest first', APPROVALS)
  @Get()
  async list(
    @Ctx() ctx: RequestContext,
    @ValidQuery(ApprovalsQuery) query: ApprovalsQuery,
  ): Promise<{ items: registry.Approval[]; nextPageToken: string }> {
    const { modelName = '', state, pageToken = '' } = query;
    const page = await this.find.execute(ctx.workspace, { modelName, state, limit: pageSize(query.pageSize), pageToken });
    return { items: page.approvals.map(approvalToProto), nextPageToken: page.nextPageToken };
  }

  @Answers('One approval', APPROVAL)
  @Get(':id')
  async get(@Ctx() ctx: RequestContext, @Param('id') id: string): Promise<registry.Approval> {
    return approvalToProto(await this.find.byId(ctx.workspace, id));
  }

  @Answers('Say yes or no', APPROVAL)
  @Post(':id/decision')
  @HttpCode(200)
  @Requires('approver')
  async decide(
    @Ctx() ctx: RequestContext,
    @Param('id') approvalId: string,
    @ValidBody(DecisionBody) body: DecisionBody,
  ): Promise<registry.Approval> {
    const { approve, comment = '', requestId } = body;
    const caller = { workspace: ctx.workspace, actor: ctx.principal.subject };
    return approvalToProto(await this.decideApproval.execute(caller, { approvalId, approve, comment, requestId }));
  }
}
