// SPDX-License-Identifier: Apache-2.0

/** Who calls, in which workspace: what use cases need of a request, whatever the door. */
export interface Caller {
  workspace: string;
  /** Subject of the principal. */
  subject: string;
}
