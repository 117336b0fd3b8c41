// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { FollowAlias } from './follow-alias';

/** What the registry says about aliases. */
@Injectable()
export class AliasesConsumer extends EventConsumer {
  readonly group = 'gateway.aliases';
  readonly handlers;

  constructor(followAlias: FollowAlias) {
    super();
    this.handlers = [
      on(Events.AliasMoved, async ({ workspace, aggregateVersion, data }, tx) => {
        await followAlias.execute(tx, {
          workspace,
          modelName: data.modelName,
          alias: data.alias,
          toVersion: data.toVersion,
          toManifestDigest: data.toManifestDigest,
          rolloutId: data.rolloutId,
          actor: data.actor,
          reason: data.reason,
          sequence: aggregateVersion,
        });
      }),
      on(Events.AliasDeleted, async ({ workspace, aggregateVersion, data }, tx) => {
        const { modelName, alias, actor } = data;
        const gone = { toVersion: 0, toManifestDigest: '', rolloutId: '', reason: 'alias deleted' };
        await followAlias.execute(tx, { workspace, modelName, alias, actor, sequence: aggregateVersion, ...gone });
      }),
    ];
  }
}
