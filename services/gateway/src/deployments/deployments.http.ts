// SPDX-License-Identifier: Apache-2.0
import { Controller, Get } from '@nestjs/common';
import { IsInt, IsOptional, IsString, Min } from 'class-validator';
import { Answers, Ctx, ValidQuery, type RequestContext } from '#libs/http';
import { DEPLOYMENTS } from '../http-answers';
import { ReadDeployments } from './read-deployments';

export class DeploymentsQuery {
  @IsOptional()
  @IsString()
  modelName?: string;

  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;
}

/** What is or shall be loaded on the backends, over HTTP. */
@Controller('/api/v1/deployments')
export class DeploymentsHttp {
  constructor(private readonly readDeployments: ReadDeployments) {}

  @Answers('What is or shall be loaded on the backends', DEPLOYMENTS)
  @Get()
  async list(@Ctx() ctx: RequestContext, @ValidQuery(DeploymentsQuery) query: DeploymentsQuery): Promise<unknown> {
    const { deployments, nextPageToken } = await this.readDeployments.execute(ctx.workspace, query);
    const items = deployments.map(({ workspace: _workspace, manifestDigest, ...rest }) => ({
      ...rest,
      modelManifestDigest: manifestDigest,
    }));
    return { items, nextPageToken };
  }
}
