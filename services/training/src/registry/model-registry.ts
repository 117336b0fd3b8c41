// SPDX-License-Identifier: Apache-2.0

export interface ChampionFacts {
  version: number;
  manifestDigest: string;
}

export interface AliasMoveRequest {
  modelName: string;
  alias: string;
  version: number;
  reason: string;
  force: boolean;
  pipelineRunId: string;
  requestId: string;
}

export interface AliasMoveAnswer {
  /** True when the alias moved at once. */
  moved: boolean;
  /** Approval that it waits for, or empty. */
  approvalId: string;
}

/** Port to the registry. */
export abstract class ModelRegistry {
  /** The version that an alias points to; undefined when model or alias does not exist, or the version has no model in the blob store. */
  abstract resolveAlias(workspace: string, modelName: string, alias: string): Promise<ChampionFacts | undefined>;
  abstract requestAliasMove(workspace: string, request: AliasMoveRequest): Promise<AliasMoveAnswer>;
}
