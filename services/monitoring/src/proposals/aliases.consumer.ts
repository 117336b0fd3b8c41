// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { ProposalsRepository } from './proposals.repository';

/** Which version each alias names: proposals say what serves now. */
@Injectable()
export class AliasesConsumer extends EventConsumer {
  readonly group = 'monitoring.aliases';
  readonly handlers = [
    on(Events.AliasMoved, ({ workspace, aggregateVersion, data, time }, tx) =>
      this.proposals.putServedVersion(tx, {
        workspace,
        modelName: data.modelName,
        alias: data.alias,
        version: data.toVersion,
        moveTime: data.moveTime ?? time,
        sequence: aggregateVersion,
      }),
    ),
  ];

  constructor(private readonly proposals: ProposalsRepository) {
    super();
  }
}
