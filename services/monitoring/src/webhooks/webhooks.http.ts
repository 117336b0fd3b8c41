// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { IsBoolean, IsOptional, IsString, MaxLength } from 'class-validator';
import { notFound } from '#libs/errors';
import { Answers, Ctx, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { Database } from '#libs/persistence';
import { DELIVERIES, WEBHOOK, WEBHOOKS } from '../http-answers';
import { PageQuery, readPage, type Page } from '../page';
import { CreateWebhook } from './create-webhook';
import { WebhooksRepository, type Delivery, type Webhook } from './webhooks.repository';

class CreateWebhookBody {
  @IsString()
  name: string;

  @IsString()
  @MaxLength(2000)
  url: string;

  @IsOptional()
  @IsBoolean()
  sendResolved?: boolean;
}

@Controller('api/v1')
export class WebhooksHttp {
  constructor(
    private readonly createWebhook: CreateWebhook,
    private readonly webhooks: WebhooksRepository,
    private readonly db: Database,
  ) {}

  @Answers('Send alerts to an address', WEBHOOK)
  @Post('webhooks')
  create(@ValidBody(CreateWebhookBody) body: CreateWebhookBody, @Ctx() { workspace }: RequestContext): Promise<Webhook> {
    return this.createWebhook.execute({ workspace, name: body.name, url: body.url, sendResolved: body.sendResolved ?? true });
  }

  @Answers('Receivers of alerts', WEBHOOKS)
  @Get('webhooks')
  async list(@Ctx() { workspace }: RequestContext): Promise<{ items: Webhook[] }> {
    return { items: await this.webhooks.list(this.db, workspace) };
  }

  @Answers('Stop sending to a receiver')
  @Delete('webhooks/:id')
  @HttpCode(204)
  async delete(@Param('id') id: string, @Ctx() { workspace }: RequestContext): Promise<void> {
    if (!(await this.webhooks.delete(this.db, workspace, id))) throw notFound('webhook', id);
  }

  @Answers('Notifications, newest first', DELIVERIES)
  @Get('webhook-deliveries')
  deliveries(@ValidQuery(PageQuery) query: PageQuery, @Ctx() { workspace }: RequestContext): Promise<Page<Delivery>> {
    return readPage(
      query,
      { workspace },
      {
        name: 'webhook-deliveries',
        read: (before, size) =>
          this.webhooks.deliveries(this.db, workspace, { ...(before === undefined ? {} : { before }), size }),
        keyOf: (item) => item.id,
      },
    );
  }
}
