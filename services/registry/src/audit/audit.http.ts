// SPDX-License-Identifier: Apache-2.0
import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { Answers, Ctx, type RequestContext, Requires, ValidQuery } from '#libs/http';
import { AUDIT, AUDIT_VERDICT } from '../http-answers';
import { PageQuery } from '../models/models.dto';
import type { AuditEntry } from './audit-entry';
import { ListAudit } from './list-audit';
import { type AuditVerdict, VerifyAudit } from './verify-audit';

export class AuditQuery extends PageQuery {
  /** Only entries on this subject, such as `models:/name@champion`. */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  subject?: string;
}

/** The audit of the workspace. */
@Controller('api/v1/audit')
export class AuditHttp {
  constructor(
    private readonly listAudit: ListAudit,
    private readonly verifyAudit: VerifyAudit,
  ) {}

  @Answers('The audit of the workspace', AUDIT)
  @Get()
  async list(
    @Ctx() ctx: RequestContext,
    @ValidQuery(AuditQuery) query: AuditQuery,
  ): Promise<{ items: AuditEntry[]; nextPageToken: string }> {
    const { entries, nextPageToken } = await this.listAudit.execute(ctx.workspace, { ...query, subject: query.subject ?? '' });
    return { items: entries, nextPageToken };
  }

  @Answers('Recompute the chain of the audit', AUDIT_VERDICT)
  @Post('verify')
  @HttpCode(200)
  @Requires('viewer')
  verify(@Ctx() ctx: RequestContext): Promise<AuditVerdict> {
    return this.verifyAudit.execute(ctx.workspace);
  }
}
