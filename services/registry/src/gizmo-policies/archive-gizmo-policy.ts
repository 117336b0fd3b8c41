// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { notFound } from '#libs/errors';
import { Idempotency, UnitOfWork } from '#libs/persistence';
import { GizmoPoliciesRepository } from './gizmo-policies.repository';

export interface ArchiveGizmoPolicyInput {
  workspace: string;
  id: string;
  requestId?: string;
}

/** Say what it does, to whom it tells so, and what a repeated call gets. */
@Injectable()
export class ArchiveGizmoPolicy {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly idempotency: Idempotency,
    private readonly gizmoPolicies: GizmoPoliciesRepository,
  ) {}

  execute(input: ArchiveGizmoPolicyInput): Promise<void> {
    const { workspace, id, requestId } = input;
    return this.unitOfWork.run(
      (tx) =>
        this.idempotency.once(tx, { workspace, operation: 'ArchiveGizmoPolicy', requestId, request: { id } }, async () => {
          const found = await this.gizmoPolicies.find(tx, workspace, id);
          if (!found) throw notFound('gizmo-policy', id);
        }),
      { label: 'archive-gizmo-policy' },
    );
  }
}
