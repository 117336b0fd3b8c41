// SPDX-License-Identifier: Apache-2.0
import { Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { IsInt, IsOptional, IsString, Min } from 'class-validator';
import { Answers, Ctx, Requires, ValidBody, ValidQuery, type RequestContext } from '#libs/http';
import { API_KEY, API_KEYS, NEW_API_KEY } from '../http-answers';
import type { ApiKey } from './api-key';
import { CreateApiKey } from './create-api-key';
import { ReadApiKeys } from './read-api-keys';
import { RevokeApiKey } from './revoke-api-key';

export class CreateApiKeyBody {
  @IsString()
  name: string;
}

export class ApiKeysQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

/** API keys over HTTP, for admins of the workspace. */
@Controller('/api/v1/api-keys')
@Requires('admin')
export class ApiKeysHttp {
  constructor(
    private readonly createApiKey: CreateApiKey,
    private readonly revokeApiKey: RevokeApiKey,
    private readonly readApiKeys: ReadApiKeys,
  ) {}

  @Answers('Make an API key; its secret is shown this once', NEW_API_KEY)
  @Post()
  async create(@Ctx() ctx: RequestContext, @ValidBody(CreateApiKeyBody) body: CreateApiKeyBody): Promise<unknown> {
    const { workspace, principal } = ctx;
    const { apiKey, secret } = await this.createApiKey.execute({ workspace, name: body.name, createdBy: principal.subject });
    return { ...viewApiKey(apiKey), secret };
  }

  @Answers('API keys', API_KEYS)
  @Get()
  async list(@Ctx() ctx: RequestContext, @ValidQuery(ApiKeysQuery) query: ApiKeysQuery): Promise<unknown> {
    const { apiKeys, nextPageToken } = await this.readApiKeys.execute(ctx.workspace, query);
    return { items: apiKeys.map(viewApiKey), nextPageToken };
  }

  @Answers('Revoke an API key', API_KEY)
  @Delete(':id')
  async revoke(@Ctx() ctx: RequestContext, @Param('id') id: string): Promise<unknown> {
    return viewApiKey(await this.revokeApiKey.execute(ctx.workspace, id));
  }
}

function viewApiKey(apiKey: ApiKey): Record<string, unknown> {
  const { id, name, prefix, createdBy, createTime, revokeTime } = apiKey;
  return { id, name, prefix, createdBy, createTime, revokeTime: revokeTime ?? null };
}
