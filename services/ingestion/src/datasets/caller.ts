// SPDX-License-Identifier: Apache-2.0

/** Who calls, and in which workspace. */
export interface Caller {
  workspace: string;
  subject: string;
}
