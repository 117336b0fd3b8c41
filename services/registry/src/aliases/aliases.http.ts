// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { hasRole } from '#libs/auth';
import type { registry } from '#libs/contracts';
import { Answers, Ctx, type RequestContext, Requires, ValidBody, ValidQuery } from '#libs/http';
import { ALIAS_HISTORY, ALIAS_MOVE, ALIAS_POLICIES, ALIAS_POLICY, VERSION } from '../http-answers';
import { RequestAliasMove } from '../approvals/request-alias-move';
import type { Caller } from '../caller';
import { BrowseModels } from '../models/browse-models';
import { approvalToProto, versionToProto } from '../models/models.mapping';
import type { AliasInterval, AliasPolicy } from './alias';
import { AliasHistoryQuery, AliasMoveBody, AliasPolicyBody } from './aliases.dto';
import { ReadAliases } from './read-aliases';
import { SetAliasPolicy } from './set-alias-policy';

/** Aliases: where they point, what they pointed to, how they are protected, and asking for a move. */
@Controller('api/v1/models/:name')
export class AliasesHttp {
  constructor(
    private readonly browse: BrowseModels,
    private readonly aliases: ReadAliases,
    private readonly setPolicy: SetAliasPolicy,
    private readonly requestMove: RequestAliasMove,
  ) {}

  @Answers('The version that an alias points to', VERSION)
  @Get('aliases/:alias')
  async get(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @Param('alias') alias: string,
  ): Promise<registry.ModelVersion> {
    return versionToProto(await this.browse.byAlias(ctx.workspace, name, alias));
  }

  /** "What was champion at T?": `?at=2026-11-23T12:00:00Z`. */
  @Answers('What an alias pointed to, and when', ALIAS_HISTORY)
  @Get('aliases/:alias/history')
  async history(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
    @Param('alias') alias: string,
    @ValidQuery(AliasHistoryQuery) query: AliasHistoryQuery,
  ): Promise<{ items: AliasInterval[]; nextPageToken: string }> {
    const at = query.at === undefined ? undefined : new Date(query.at);
    return { items: await this.aliases.history(ctx.workspace, { modelName: name, alias, at }), nextPageToken: '' };
  }

  @Answers('How the aliases of a model are protected', ALIAS_POLICIES)
  @Get('alias-policies')
  async policies(
    @Ctx() ctx: RequestContext,
    @Param('name') name: string,
  ): Promise<{ items: AliasPolicy[]; nextPageToken: string }> {
    return { items: await this.aliases.policies(ctx.workspace, name), nextPageToken: '' };
  }

  @Answers('Protect an alias', ALIAS_POLICY)
  @Put('aliases/:alias/policy')
  @Requires('admin')
  async put(
    @Ctx() ctx: RequestContext,
    @Param('name') modelName: string,
    @Param('alias') alias: string,
    @ValidBody(AliasPolicyBody) body: AliasPolicyBody,
  ): Promise<AliasPolicy> {
    const evidence = (body.evidence ?? []).map(({ slice, metric, valueMin = 0, dropMax = -1 }) => ({
      slice,
      metric,
      valueMin,
      dropMax,
    }));
    const policy = { alias, approvalsRequired: body.approvalsRequired, evidence };
    return this.setPolicy.execute(callerOf(ctx), { modelName, policy, requestId: body.requestId });
  }

  /** 200 when it moved at once, with `moved: true`; else the approval to wait for. */
  @Answers('Move an alias, or ask for it where it is protected', ALIAS_MOVE)
  @Post('aliases/:alias/moves')
  @HttpCode(200)
  async move(
    @Ctx() ctx: RequestContext,
    @Param('name') modelName: string,
    @Param('alias') alias: string,
    @ValidBody(AliasMoveBody) body: AliasMoveBody,
  ): Promise<registry.RequestAliasMoveResponse> {
    const { version, reason, force = false, pipelineRunId = '', requestId } = body;
    const mayForce = hasRole(ctx.principal, ctx.workspace, 'approver');
    const input = { modelName, alias, version, reason, force, mayForce, pipelineRunId, requestId };
    const { moved, approval } = await this.requestMove.execute(callerOf(ctx), input);
    return { moved, approval: approval && approvalToProto(approval) };
  }
}

function callerOf(ctx: RequestContext): Caller {
  return { workspace: ctx.workspace, actor: ctx.principal.subject };
}
