// SPDX-License-Identifier: Apache-2.0
import type { registry } from '#libs/contracts';
import { isAppError } from '#libs/errors';
import type { RpcClient } from '#libs/rpc';
import { type AliasMoveAnswer, type AliasMoveRequest, type ChampionFacts, ModelRegistry } from './model-registry';

/** Models and aliases of the registry, by gRPC. */
export class RegistryModels extends ModelRegistry {
  constructor(
    private readonly client: RpcClient<typeof registry.ModelServiceService>,
    private readonly deadlineMs: number,
  ) {
    super();
  }

  async resolveAlias(workspace: string, modelName: string, alias: string): Promise<ChampionFacts | undefined> {
    try {
      const { version } = await this.client.resolveAlias({ modelName, alias }, { workspace, deadlineMs: this.deadlineMs });
      // A version that the mlflow client made has no model in the blob store, so there is nothing to score.
      if (!version || version.modelManifestDigest === '') return undefined;
      return { version: version.version, manifestDigest: version.modelManifestDigest };
    } catch (error) {
      if (isAppError(error) && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  async requestAliasMove(workspace: string, request: AliasMoveRequest): Promise<AliasMoveAnswer> {
    const { moved, approval } = await this.client.requestAliasMove(request, { workspace, deadlineMs: this.deadlineMs });
    return { moved, approvalId: approval?.id ?? '' };
  }
}
