// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, Param } from '@nestjs/common';
import { IsIn, IsOptional, IsString } from 'class-validator';
import { notFound } from '#libs/errors';
import { Answers, Ctx, ValidQuery, type RequestContext } from '#libs/http';
import { Database } from '#libs/persistence';
import { ALERT, ALERTS } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import { AlertsRepository, type Alert } from './alerts.repository';

class ListAlertsQuery extends PageQuery {
  @IsOptional()
  @IsIn(['firing', 'resolved'])
  state?: string;

  @IsOptional()
  @IsString()
  modelName?: string;
}

@Controller('api/v1/alerts')
export class AlertsHttp {
  constructor(
    private readonly alerts: AlertsRepository,
    private readonly db: Database,
  ) {}

  @Answers('Alerts, newest first', ALERTS)
  @Get()
  list(@ValidQuery(ListAlertsQuery) query: ListAlertsQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Alert>> {
    const { pageSize: _size, pageToken: _token, ...fields } = query;
    const filter = { workspace, ...fields };
    return readPage(query, filter, {
      name: 'alerts',
      read: (before, size) => this.alerts.list(this.db, filter, { ...(before === undefined ? {} : { before }), size }),
      keyOf: (item) => item.id,
    });
  }

  @Answers('One alert', ALERT)
  @Get(':id')
  async get(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<Alert> {
    const found = await this.alerts.find(this.db, workspace, id);
    if (!found) throw notFound('alert', id);
    return found;
  }
}
