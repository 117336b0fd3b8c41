// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { IsOptional, IsString } from 'class-validator';
import { notFound } from '#libs/errors';
import { Answers, Ctx, Requires, ValidQuery, type RequestContext } from '#libs/http';
import { Database } from '#libs/persistence';
import { RECOMPUTATION, ROLLOUTS, ROLLOUT_DETAIL, VERDICT, VERDICTS } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import { RecomputeVerdict, type Recomputation } from './recompute-verdict';
import { RolloutsRepository, type Rollout, type RolloutCounts, type RolloutStep, type Verdict } from './rollouts.repository';

class ListRolloutsQuery extends PageQuery {
  @IsOptional()
  @IsString()
  endpoint?: string;
}

class ListVerdictsQuery extends PageQuery {
  @IsOptional()
  @IsString()
  rolloutId?: string;
}

@Controller('api/v1')
export class RolloutsHttp {
  constructor(
    private readonly rollouts: RolloutsRepository,
    private readonly recomputeVerdict: RecomputeVerdict,
    private readonly db: Database,
  ) {}

  @Answers('Rollouts that are or were judged', ROLLOUTS)
  @Get('rollouts')
  list(@ValidQuery(ListRolloutsQuery) query: ListRolloutsQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Rollout>> {
    const filter = { workspace, ...(query.endpoint === undefined ? {} : { endpoint: query.endpoint }) };
    return readPage(query, filter, {
      name: 'rollouts',
      read: (before, size) => this.rollouts.list(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
  }

  /** The rollout with its steps and the figures as they are now. */
  @Answers('One rollout with steps and present figures', ROLLOUT_DETAIL)
  @Get('rollouts/:id')
  async get(
    @Param('id') id: string,
    @Ctx() { workspace }: RequestContext,
  ): Promise<Rollout & { steps: RolloutStep[]; counts: RolloutCounts }> {
    const rollout = await this.rollouts.find(this.db, workspace, id);
    if (!rollout) throw notFound('rollout', id);
    const steps = await this.rollouts.steps(this.db, workspace, id);
    return { ...rollout, steps, counts: await this.rollouts.counts(this.db, rollout) };
  }

  @Answers('Verdicts, newest first', VERDICTS)
  @Get('verdicts')
  verdicts(
    @ValidQuery(ListVerdictsQuery) query: ListVerdictsQuery,
    @Ctx() { workspace }: RequestContext,
  ): Promise<Page<Verdict>> {
    const filter = { workspace, ...(query.rolloutId === undefined ? {} : { rolloutId: query.rolloutId }) };
    return readPage(query, filter, {
      name: 'verdicts',
      read: (before, size) => this.rollouts.verdicts(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
  }

  @Answers('One verdict with its evidence', VERDICT)
  @Get('verdicts/:id')
  async verdict(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<Verdict> {
    const found = await this.rollouts.findVerdict(this.db, workspace, id);
    if (!found) throw notFound('verdict', id);
    return found;
  }

  /** Changes nothing: a viewer may check the figures. */
  @Answers('Decide a verdict again from its evidence', RECOMPUTATION)
  @Post('verdicts/:id/recompute')
  @HttpCode(200)
  @Requires('viewer')
  recompute(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<Recomputation> {
    return this.recomputeVerdict.execute(workspace, id);
  }
}
