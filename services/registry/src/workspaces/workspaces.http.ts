// SPDX-License-Identifier: Apache-2.0
import { Controller, HttpCode, Post } from '@nestjs/common';
import { IsString } from 'class-validator';
import { requireRole } from '#libs/auth';
import { Answers, Ctx, type RequestContext, Requires, ValidBody } from '#libs/http';
import { WORKSPACE } from '../http-answers';
import { CreateWorkspace } from './create-workspace';

export class CreateWorkspaceBody {
  @IsString()
  name: string;
}

/** Workspaces of the whole platform; only an admin of every workspace may make one. */
@Controller('api/v1/workspaces')
export class WorkspacesHttp {
  constructor(private readonly createWorkspace: CreateWorkspace) {}

  @Answers('Make a workspace of the platform', WORKSPACE)
  @Post()
  @HttpCode(200)
  @Requires('admin')
  async create(
    @Ctx() ctx: RequestContext,
    @ValidBody(CreateWorkspaceBody) body: CreateWorkspaceBody,
  ): Promise<{ name: string; created: boolean }> {
    requireRole(ctx.principal, '*', 'admin');
    return { name: body.name, created: await this.createWorkspace.execute(body.name, ctx.principal.subject) };
  }
}
