// SPDX-License-Identifier: Apache-2.0
import { IsIn, IsInt, IsOptional, IsString, MaxLength, Min } from 'class-validator';
import type { RequestContext } from '#libs/http';
import type { Caller } from './caller';
import { type JobState, jobStates } from './job';
import { specInvalid } from './jobs.errors';

/** Paging of every list. */
export class PageQuery {
  @IsOptional()
  @IsInt()
  @Min(0)
  pageSize?: number;

  @IsOptional()
  @IsString()
  @MaxLength(2000)
  pageToken?: string;
}

/** Filters of job lists. */
export class JobListQuery extends PageQuery {
  @IsOptional()
  @IsIn(jobStates)
  state?: JobState;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  pipelineRunId?: string;
}

/** Body of a cancel or a forced gate. */
export class ReasonBody {
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  reason?: string;

  @IsOptional()
  @IsString()
  @MaxLength(200)
  requestId?: string;
}

export const callerOf = (ctx: RequestContext): Caller => ({ workspace: ctx.workspace, subject: ctx.principal.subject });

/** A JSON object without its `requestId`; every other field is checked by the use case, which names each fault. */
export function splitBody(body: unknown): { fields: Record<string, unknown>; requestId: string } {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw specInvalid([{ field: 'body', message: 'must be a JSON object' }]);
  const { requestId = '', ...fields } = body as Record<string, unknown>;
  if (typeof requestId !== 'string') throw specInvalid([{ field: 'requestId', message: 'must be text' }]);
  return { fields, requestId };
}
