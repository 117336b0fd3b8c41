// SPDX-License-Identifier: Apache-2.0
import { addWorkspace } from '#libs/auth';
import { Events } from '#libs/contracts';
import { EventConsumer, on } from '#libs/messaging';

/** Learns of workspaces that an admin created, where they are not made on first use. */
export class WorkspaceConsumer extends EventConsumer {
  readonly group: string;

  constructor(service: string) {
    super();
    this.group = `${service}.workspaces`;
  }

  readonly handlers = [on(Events.WorkspaceCreated, (event, tx) => addWorkspace(tx, event.data.name))];
}
