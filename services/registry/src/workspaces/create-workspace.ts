// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { addWorkspace, assertWorkspaceName } from '#libs/auth';
import { Events } from '#libs/contracts';
import { EventPublisher } from '#libs/messaging';
import { UnitOfWork } from '#libs/persistence';
import { AuditLog } from '../audit/audit.repository';

/** Creates a workspace and tells every service. Creating it again changes nothing. */
@Injectable()
export class CreateWorkspace {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly audit: AuditLog,
    private readonly events: EventPublisher,
  ) {}

  /** True when it is new. */
  async execute(name: string, actor: string): Promise<boolean> {
    assertWorkspaceName(name);
    return this.uow.run(
      async (tx) => {
        if (!(await addWorkspace(tx, name))) return false;
        await this.audit.append(tx, { workspace: name, actor }, { action: 'workspace.created', subject: `workspaces:/${name}` });
        await this.events.publish(tx, Events.WorkspaceCreated, {
          workspace: name,
          aggregateId: name,
          aggregateVersion: 1,
          data: { name, createdBy: actor },
        });
        return true;
      },
      { label: 'create-workspace' },
    );
  }
}
