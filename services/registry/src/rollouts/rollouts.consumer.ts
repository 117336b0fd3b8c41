// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { RollBackAlias } from './roll-back-alias';

/** What the registry does when a rollout ends. */
@Injectable()
export class RolloutsConsumer extends EventConsumer {
  readonly group = 'registry.rollouts';

  constructor(private readonly rollBackAlias: RollBackAlias) {
    super();
  }

  readonly handlers = [
    on(Events.RolloutFinished, async (event, tx) => {
      await this.rollBackAlias.execute(tx, event.workspace, event.data);
    }),
  ];
}
