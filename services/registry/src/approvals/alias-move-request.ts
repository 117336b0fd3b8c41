// SPDX-License-Identifier: Apache-2.0

/** What somebody asks for. */
export interface AliasMoveRequest {
  modelName: string;
  alias: string;
  version: number;
  reason: string;
  /** Go on although evidence is missing or bad. */
  force: boolean;
  /** Whether the caller has role approver, which forcing needs. */
  mayForce: boolean;
  pipelineRunId: string;
  requestId?: string;
}
