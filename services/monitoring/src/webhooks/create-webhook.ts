// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock, Ids } from '#libs/clock';
import { invalidFields } from '#libs/errors';
import { UnitOfWork } from '#libs/persistence';
import { WebhookSender } from './webhook-sender';
import { WebhooksRepository, type Webhook } from './webhooks.repository';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

@Injectable()
export class CreateWebhook {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly webhooks: WebhooksRepository,
    private readonly sender: WebhookSender,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  async execute(input: { workspace: string; name: string; url: string; sendResolved: boolean }): Promise<Webhook> {
    if (!NAME.test(input.name))
      throw invalidFields({ field: 'name', message: 'must be letters, digits, ".", "_" or "-", at most 100' });
    await this.sender.check(input.url);
    const webhook: Webhook = { ...input, id: this.ids.next(), createTime: this.clock.now() };
    await this.unitOfWork.run((tx) => this.webhooks.insert(tx, webhook));
    return webhook;
  }
}
