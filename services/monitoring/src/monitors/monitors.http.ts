// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsObject, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { notFound } from '#libs/errors';
import { Answers, Ctx, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { Database } from '#libs/persistence';
import { MONITOR, MONITORS } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import { ChangeMonitor } from './change-monitor';
import { CreateMonitor } from './create-monitor';
import type { Monitor, MonitorKind } from './monitor';
import { MonitorsRepository } from './monitors.repository';

class ReferenceRowBody {
  @IsString()
  @MaxLength(8000)
  input: string;

  @IsString()
  @MaxLength(8000)
  answer: string;
}

class CreateMonitorBody {
  @IsString()
  name: string;

  @IsIn(['drift', 'quality', 'no_data'])
  kind: MonitorKind;

  @IsString()
  @MaxLength(200)
  endpoint: string;

  @IsString()
  @MaxLength(200)
  modelName: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  metric?: string;

  @IsOptional()
  @IsObject()
  config?: Record<string, unknown>;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(5000)
  @ValidateNested({ each: true })
  @Type(() => ReferenceRowBody)
  referenceRows?: ReferenceRowBody[];

  @IsOptional()
  @IsString()
  requestId?: string;
}

class ResetMonitorBody {
  @IsString()
  @MaxLength(1000)
  reason: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

@Controller('api/v1/monitors')
export class MonitorsHttp {
  constructor(
    private readonly createMonitor: CreateMonitor,
    private readonly changeMonitor: ChangeMonitor,
    private readonly monitors: MonitorsRepository,
    private readonly db: Database,
  ) {}

  @Answers('Make a monitor', MONITOR)
  @Post()
  create(@ValidBody(CreateMonitorBody) body: CreateMonitorBody, @Ctx() { workspace }: RequestContext): Promise<Monitor> {
    const { metric = '', config = {}, referenceRows = [], requestId = '', ...rest } = body;
    const rows = referenceRows.map(({ input, answer }) => ({ input, answer }));
    return this.createMonitor.execute({ workspace, ...rest, metric, config, referenceRows: rows, requestId });
  }

  @Answers('Monitors by name', MONITORS)
  @Get()
  list(@ValidQuery(PageQuery) query: PageQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Monitor>> {
    return readPage(
      query,
      { workspace },
      {
        name: 'monitors',
        read: (after, size) => this.monitors.list(this.db, workspace, { ...(after === undefined ? {} : { after }), size }),
        keyOf: (item) => item.name,
      },
    );
  }

  @Answers('One monitor, by id or name', MONITOR)
  @Get(':monitor')
  async get(@Param('monitor') monitor: string, @Ctx() { workspace }: RequestContext): Promise<Monitor> {
    const found = await this.monitors.find(this.db, workspace, monitor);
    if (!found) throw notFound('monitor', monitor);
    return found;
  }

  @Answers('Start the observation anew', MONITOR)
  @Post(':monitor/reset')
  @HttpCode(200)
  reset(
    @Param('monitor') monitor: string,
    @ValidBody(ResetMonitorBody) body: ResetMonitorBody,
    @Ctx() { workspace }: RequestContext,
  ): Promise<Monitor> {
    return this.changeMonitor.execute(workspace, monitor, {
      kind: 'reset',
      reason: body.reason,
      requestId: body.requestId ?? '',
    });
  }

  @Answers('Delete a monitor')
  @Delete(':monitor')
  @HttpCode(204)
  async delete(@Param('monitor') monitor: string, @Ctx() { workspace }: RequestContext): Promise<void> {
    await this.changeMonitor.execute(workspace, monitor, { kind: 'delete', requestId: '' });
  }
}
