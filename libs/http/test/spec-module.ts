// SPDX-License-Identifier: Apache-2.0
import type { Readable } from 'node:stream';
import { Controller, Delete, Get, HttpCode, Module, Param, Post, Put } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, ValidateNested } from 'class-validator';
import { AnyWorkspace, Authenticator } from '#libs/auth';
import { CommonErrors } from '#libs/errors';
import { createLogger, currentTrace } from '#libs/observability';
import {
  Ctx,
  ErrorFilter,
  ErrorFormat,
  HttpGuard,
  RawBodyStream,
  Requires,
  SkipAuth,
  ValidBody,
  ValidQuery,
  type RequestContext,
} from '../src';

export const SECRET = 'a secret that is long enough for HS256';

class Step {
  @IsString()
  name: string;
}

class JobBody {
  @IsString()
  name: string;

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => Step)
  steps?: Step[];
}

class ListQuery {
  @IsOptional()
  @IsInt()
  @Max(1000)
  pageSize?: number;

  @IsOptional()
  deep?: boolean;
}

@Controller('api/v1/jobs')
export class JobsHttp {
  static aborted = 0;

  @Get()
  list(@ValidQuery(ListQuery) query: ListQuery, @Ctx() ctx: RequestContext): unknown {
    return { query, workspace: ctx.workspace, subject: ctx.principal.subject, traceId: currentTrace()?.traceId };
  }

  @Post()
  @HttpCode(200)
  create(@ValidBody(JobBody) body: JobBody): unknown {
    return { body, traced: currentTrace() !== undefined };
  }

  @Delete()
  remove(@ValidBody(JobBody) body: JobBody): unknown {
    return body;
  }

  @Put('upload')
  async upload(@RawBodyStream() stream: Readable): Promise<unknown> {
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length;
    return { bytes };
  }

  @Get('wait')
  wait(@Ctx() ctx: RequestContext): Promise<unknown> {
    return new Promise((_resolve, reject) => {
      ctx.signal.addEventListener('abort', () => {
        JobsHttp.aborted += 1;
        reject(ctx.signal.reason as Error);
      });
    });
  }

  @Post('admin')
  @Requires('admin')
  admin(): string {
    return 'ok';
  }

  @Get('fail/:kind')
  fail(@Param('kind') kind: string): never {
    if (kind === 'bug') throw new TypeError('secret detail');
    if (kind === 'late') throw CommonErrors.DEADLINE('the database did not answer in time');
    throw CommonErrors.RESOURCE_EXHAUSTED('the queue is full', { limit: 3 }).withRetryAfter(1500);
  }
}

@Controller('v1/chat')
@ErrorFormat('openai')
@SkipAuth()
class ChatHttp {
  @Post('completions')
  complete(): never {
    throw CommonErrors.NOT_FOUND('model x not found', { param: 'model', openaiCode: 'model_not_found' });
  }
}

@Controller('api/2.0/mlflow')
@ErrorFormat('mlflow')
class MlflowHttp {
  @Get('runs')
  run(): never {
    throw CommonErrors.NOT_FOUND('Run x not found');
  }
}

/** Lines that the error filter wrote. */
export const logged: string[] = [];

const authenticator = new Authenticator({ auth: 'on', authSigningKey: SECRET });

@Module({
  controllers: [JobsHttp, ChatHttp, MlflowHttp],
  providers: [
    { provide: APP_GUARD, useValue: new HttpGuard(authenticator, new AnyWorkspace()) },
    { provide: APP_FILTER, useValue: new ErrorFilter(createLogger('spec', 'info', { write: (line) => void logged.push(line) })) },
  ],
})
export class SpecModule {}
