// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { GizmoPolicy } from './gizmo-policy';

/** Where gizmo-policies are kept. */
export abstract class GizmoPoliciesRepository {
  abstract find(db: Queryable, workspace: string, id: string): Promise<GizmoPolicy | undefined>;
}
