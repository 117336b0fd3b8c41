// SPDX-License-Identifier: Apache-2.0

/** On whose behalf a use case runs: the workspace it stays inside and the subject that the audit names. */
export interface Caller {
  readonly workspace: string;
  /** Subject of the principal, or `service:<name>`. */
  readonly actor: string;
}
