// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Requires } from '#libs/auth';
import { gateway } from '#libs/contracts';
import { RpcController, type RpcContext } from '#libs/rpc';
import type { ApiKey } from './api-key';
import { CreateApiKey } from './create-api-key';
import { ReadApiKeys } from './read-api-keys';
import { RevokeApiKey } from './revoke-api-key';

/** API keys over gRPC, for admins of the workspace. */
@Injectable()
@Requires('admin')
@RpcController(gateway.ApiKeyServiceService)
export class ApiKeysGrpc {
  constructor(
    private readonly create: CreateApiKey,
    private readonly revoke: RevokeApiKey,
    private readonly readApiKeys: ReadApiKeys,
  ) {}

  async createApiKey(request: gateway.CreateApiKeyRequest, ctx: RpcContext): Promise<gateway.CreateApiKeyResponse> {
    const { workspace, principal } = ctx;
    const { apiKey, secret } = await this.create.execute({ workspace, name: request.name, createdBy: principal.subject });
    return { apiKey: toMessage(apiKey), secret };
  }

  async listApiKeys(request: gateway.ListApiKeysRequest, ctx: RpcContext): Promise<gateway.ListApiKeysResponse> {
    const { apiKeys, nextPageToken } = await this.readApiKeys.execute(ctx.workspace, request);
    return { apiKeys: apiKeys.map(toMessage), nextPageToken };
  }

  async revokeApiKey(request: gateway.RevokeApiKeyRequest, ctx: RpcContext): Promise<gateway.RevokeApiKeyResponse> {
    return { apiKey: toMessage(await this.revoke.execute(ctx.workspace, request.id)) };
  }
}

function toMessage({ workspace: _workspace, ...apiKey }: ApiKey): gateway.ApiKey {
  return apiKey;
}
