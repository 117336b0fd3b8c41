// SPDX-License-Identifier: Apache-2.0

/** Say what a gizmo-policy is, its states, and what may never happen to it. */
export interface GizmoPolicy {
  workspace: string;
  id: string;
}
