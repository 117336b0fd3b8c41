// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { IsInt, IsOptional, IsString, Min, MinLength } from 'class-validator';
import { Answers, Ctx, Requires, ValidBody, ValidQuery, type RequestContext, schema } from '#libs/http';
import { PROFILE, PROFILES } from '../http-answers';
import type { Caller } from '../datasets/caller';
import { GetProfile } from './get-profile';
import { ListProfiles } from './list-profiles';
import { reportPath, type ProfileRecord } from './profile-record';
import { RequestProfile } from './request-profile';

class RequestProfileBody {
  @IsString()
  @MinLength(1)
  datasetVersion: string;

  @IsOptional()
  @IsString()
  requestId?: string;
}

class ListProfilesQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  pageToken?: string;

  @IsOptional()
  @IsString()
  datasetName?: string;
}

function callerOf(ctx: RequestContext): Caller {
  return { workspace: ctx.workspace, subject: ctx.principal.subject };
}

function profileJson(record: ProfileRecord) {
  const { workspace, reportSha256, revision, result, ...rest } = record;
  return {
    ...rest,
    ...(result ? { result } : {}),
    reportPath: workspace === 'default' ? reportPath(record) : `/w/${workspace}${reportPath(record)}`,
    reportReady: reportSha256 !== null,
    etag: `"${revision}"`,
  };
}

/** Profiles over HTTP: the same use cases as the gRPC door, and the report page. */
@Controller('api/v1/profiles')
export class ProfilesHttp {
  constructor(
    private readonly request: RequestProfile,
    private readonly get: GetProfile,
    private readonly list: ListProfiles,
  ) {}

  @Answers('Ask for the profile of a dataset version', PROFILE)
  @Post()
  @HttpCode(202)
  @Requires('editor')
  async requestProfile(@Ctx() ctx: RequestContext, @ValidBody(RequestProfileBody) body: RequestProfileBody) {
    return profileJson(await this.request.execute(callerOf(ctx), { ...body, requestId: body.requestId ?? '' }));
  }

  @Answers('Profiles, newest first', PROFILES)
  @Get()
  async listProfiles(@Ctx() ctx: RequestContext, @ValidQuery(ListProfilesQuery) query: ListProfilesQuery) {
    const page = await this.list.execute(callerOf(ctx), query);
    return { items: page.items.map(profileJson), nextPageToken: page.nextPageToken };
  }

  @Answers('One profile, with its result when it has one', PROFILE)
  @Get(':id')
  async getProfile(@Ctx() ctx: RequestContext, @Param('id') id: string) {
    return profileJson(await this.get.execute(callerOf(ctx), id));
  }

  /** One self-contained page; its policy forbids scripts and requests, whatever the rows contain. */
  @Answers('The report page of a profile', schema.text, { contentType: 'text/html' })
  @Get(':id/report.html')
  async getReport(@Ctx() ctx: RequestContext, @Param('id') id: string, @Res() reply: FastifyReply): Promise<void> {
    const page = await this.get.report(callerOf(ctx), id);
    await reply
      .header('content-type', 'text/html; charset=utf-8')
      .header(
        'content-security-policy',
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      )
      .header('x-content-type-options', 'nosniff')
      .send(page);
  }
}
