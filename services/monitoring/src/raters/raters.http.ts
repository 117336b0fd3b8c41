// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { notFound } from '#libs/errors';
import { Answers, Ctx, Requires, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { Database } from '#libs/persistence';
import { RATER, RATERS } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import { RatersRepository, type Rater } from './raters.repository';
import { ReleaseRater } from './release-rater';

class ListRatersQuery extends PageQuery {
  @IsOptional()
  @IsIn(['trusted', 'watched', 'quarantined'])
  state?: string;
}

class ReleaseBody {
  @IsString()
  @MaxLength(1000)
  reason: string;
}

@Controller('api/v1/raters')
export class RatersHttp {
  constructor(
    private readonly raters: RatersRepository,
    private readonly releaseRater: ReleaseRater,
    private readonly db: Database,
  ) {}

  @Answers('Raters', RATERS)
  @Get()
  list(@ValidQuery(ListRatersQuery) query: ListRatersQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Rater>> {
    const filter = { workspace, ...(query.state === undefined ? {} : { state: query.state }) };
    return readPage(query, filter, {
      name: 'raters',
      read: (after, size) => this.raters.list(this.db, filter, { ...(after === undefined ? {} : { after }), size }),
      keyOf: (item) => item.raterHash,
    });
  }

  @Answers('One rater', RATER)
  @Get(':raterHash')
  async get(@Param('raterHash') raterHash: string, @Ctx() { workspace }: RequestContext): Promise<Rater> {
    const found = await this.raters.find(this.db, workspace, raterHash);
    if (!found) throw notFound('rater', raterHash);
    return found;
  }

  @Answers('Trust a quarantined rater again', RATER)
  @Post(':raterHash/release')
  @HttpCode(200)
  @Requires('approver')
  release(
    @Param('raterHash') raterHash: string,
    @ValidBody(ReleaseBody) body: ReleaseBody,
    @Ctx() { workspace, principal }: RequestContext,
  ): Promise<Rater> {
    return this.releaseRater.execute({ workspace, raterHash, reason: body.reason, actor: principal.subject });
  }
}
