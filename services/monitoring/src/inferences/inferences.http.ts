// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, Param } from '@nestjs/common';
import { IsISO8601, IsOptional, IsString } from 'class-validator';
import { Clock } from '#libs/clock';
import { notFound } from '#libs/errors';
import { Answers, Ctx, ValidQuery, type RequestContext } from '#libs/http';
import { Database } from '#libs/persistence';
import { INFERENCE, INFERENCES, ROLLUPS } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import type { MinuteRollup } from '../rollups/minute-rollup';
import { histogramQuantile } from '../statistics/log2-histogram';
import { InferencesRepository, type Inference } from './inferences.repository';

class ListInferencesQuery extends PageQuery {
  @IsOptional()
  @IsString()
  endpoint?: string;

  @IsOptional()
  @IsString()
  rolloutId?: string;
}

class RollupsQuery {
  @IsOptional()
  @IsString()
  endpoint?: string;

  @IsOptional()
  @IsISO8601()
  from?: string;

  @IsOptional()
  @IsISO8601()
  to?: string;
}

type RollupView = MinuteRollup & Record<'latencyMsP50' | 'latencyMsP95' | 'latencyMsP99', number | undefined>;

@Controller('api/v1')
export class InferencesHttp {
  constructor(
    private readonly inferences: InferencesRepository,
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  @Answers('Inferences, newest first', INFERENCES)
  @Get('inferences')
  list(
    @ValidQuery(ListInferencesQuery) query: ListInferencesQuery,
    @Ctx() { workspace }: RequestContext,
  ): Promise<Page<Inference>> {
    const { pageSize: _size, pageToken: _token, ...fields } = query;
    const filter = { workspace, ...fields };
    return readPage(query, filter, {
      name: 'inferences',
      read: (after, size) => {
        const [requestTime, id] = (after ?? '').split(' ');
        return this.inferences.list(this.db, filter, { ...(requestTime && id ? { before: { requestTime, id } } : {}), size });
      },
      keyOf: (item) => `${item.requestTime.toISOString()} ${item.id}`,
    });
  }

  @Answers('One inference', INFERENCE)
  @Get('inferences/:id')
  async get(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<Inference> {
    const found = await this.inferences.find(this.db, workspace, id);
    if (!found) throw notFound('inference', id);
    return found;
  }

  /** Sums per minute, version and arm of the last hour or of a given span; at most 10,000 rows. */
  @Answers('Sums per minute, version and arm', ROLLUPS)
  @Get('rollups')
  async rollups(
    @ValidQuery(RollupsQuery) query: RollupsQuery,
    @Ctx() { workspace }: RequestContext,
  ): Promise<{ items: RollupView[] }> {
    const to = query.to ? new Date(query.to) : new Date(this.clock.now().getTime() + 60_000);
    const from = query.from ? new Date(query.from) : new Date(to.getTime() - 3_600_000);
    const rows = await this.inferences.rollups(this.db, {
      workspace,
      ...(query.endpoint ? { endpoint: query.endpoint } : {}),
      from,
      to,
    });
    const quantile = (row: MinuteRollup, share: number): number | undefined => histogramQuantile(row.latencyMsHistogram, share);
    return {
      items: rows.map((row) => ({
        ...row,
        latencyMsP50: quantile(row, 0.5),
        latencyMsP95: quantile(row, 0.95),
        latencyMsP99: quantile(row, 0.99),
      })),
    };
  }
}
