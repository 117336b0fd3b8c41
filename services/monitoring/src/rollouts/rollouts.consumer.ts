// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';
import { FollowRollouts } from './follow-rollouts';

/** The gateway's rollouts. */
@Injectable()
export class RolloutsConsumer extends EventConsumer {
  readonly group = 'monitoring.rollouts';
  readonly handlers = [
    on(Events.RolloutStarted, (event, tx) =>
      this.followRollouts.execute(tx, event.workspace, { kind: 'started', data: event.data }, event.time),
    ),
    on(Events.RolloutStepped, (event, tx) =>
      this.followRollouts.execute(tx, event.workspace, { kind: 'stepped', data: event.data }, event.time),
    ),
    on(Events.RolloutFinished, (event, tx) =>
      this.followRollouts.execute(tx, event.workspace, { kind: 'finished', data: event.data }, event.time),
    ),
  ];

  constructor(private readonly followRollouts: FollowRollouts) {
    super();
  }
}
