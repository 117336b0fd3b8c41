// SPDX-License-Identifier: Apache-2.0
import { addWorkspace } from '#libs/auth';
import { Events } from '#libs/contracts';
import { EventConsumer, type EventHandler, on } from '#libs/messaging';

/** Learns of the workspaces that admins create in the registry (MILLRACE_WORKSPACES=explicit). */
export class WorkspacesConsumer extends EventConsumer {
  readonly group: string;
  readonly handlers: EventHandler[] = [
    on(Events.WorkspaceCreated, async (event, tx) => {
      await addWorkspace(tx, event.data.name);
    }),
  ];

  constructor(service: string) {
    super();
    this.group = `${service}.workspaces`;
  }
}
