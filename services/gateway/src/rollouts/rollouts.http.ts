// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { IsInt, IsOptional, IsString, Min } from 'class-validator';
import { Answers, Ctx, Requires, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { ROLLOUT, ROLLOUTS } from '../http-answers';
import { EndRollout } from './end-rollout';
import { ReadRollouts } from './read-rollouts';
import { candidatePercent, type Rollout } from './rollout';
import { toServedVersion } from './rollouts.events';

export class RolloutsQuery {
  @IsOptional()
  @IsString()
  endpoint?: string;

  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

export class EndRolloutBody {
  @IsOptional()
  @IsString()
  reason?: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

/** Rollouts over HTTP. */
@Controller('/api/v1/rollouts')
export class RolloutsHttp {
  constructor(
    private readonly readRollouts: ReadRollouts,
    private readonly endRollout: EndRollout,
  ) {}

  @Answers('Rollouts, newest first', ROLLOUTS)
  @Get()
  async list(@Ctx() ctx: RequestContext, @ValidQuery(RolloutsQuery) query: RolloutsQuery): Promise<unknown> {
    const page = await this.readRollouts.list(ctx.workspace, query);
    return { items: page.rollouts.map(viewRollout), nextPageToken: page.nextPageToken };
  }

  @Answers('One rollout', ROLLOUT)
  @Get(':id')
  async get(@Ctx() ctx: RequestContext, @Param('id') id: string): Promise<unknown> {
    return viewRollout(await this.readRollouts.execute(ctx.workspace, id));
  }

  @Answers('End a rollout: the candidate serves everybody', ROLLOUT)
  @Post(':id/promote')
  @HttpCode(200)
  @Requires('approver')
  promote(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody(EndRolloutBody) body: EndRolloutBody,
  ): Promise<unknown> {
    return this.end(ctx, { id, action: 'promote', body });
  }

  @Answers('End a rollout: everybody goes back', ROLLOUT)
  @Post(':id/roll-back')
  @HttpCode(200)
  @Requires('approver')
  rollBack(
    @Ctx() ctx: RequestContext,
    @Param('id') id: string,
    @ValidBody(EndRolloutBody) body: EndRolloutBody,
  ): Promise<unknown> {
    return this.end(ctx, { id, action: 'roll-back', body });
  }

  private async end(
    ctx: RequestContext,
    { id, action, body }: { id: string; action: 'promote' | 'roll-back'; body: EndRolloutBody },
  ): Promise<unknown> {
    const { workspace, principal } = ctx;
    const { reason = '', requestId } = body;
    return viewRollout(await this.endRollout.execute({ workspace, id, action, reason, requestId, actor: principal.subject }));
  }
}

/** A rollout as JSON. */
export function viewRollout(rollout: Rollout): Record<string, unknown> {
  const { modelName, control, candidate } = rollout;
  return {
    id: rollout.id,
    endpoint: rollout.endpoint,
    alias: rollout.alias,
    state: rollout.state,
    control: toServedVersion(modelName, control),
    candidate: toServedVersion(modelName, candidate),
    steps: rollout.steps,
    step: rollout.step,
    candidatePercent: candidatePercent(rollout),
    policy: rollout.judgement,
    verdictId: rollout.verdictId,
    actor: rollout.actor,
    reason: rollout.reason,
    startTime: rollout.startTime,
    endTime: rollout.endTime ?? null,
  };
}
