// SPDX-License-Identifier: Apache-2.0
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CommonErrors } from '#libs/errors';
import type { Principal } from '#libs/auth';
import type { ErrorFormatName } from './error-formats';

/** What a handler knows about its caller. */
export interface RequestContext {
  workspace: string;
  principal: Principal;
  requestId: string;
  /** Aborted when the client goes away before the answer is complete. */
  signal: AbortSignal;
}

/** What the platform hangs on each request. */
export interface MillraceRequest extends FastifyRequest {
  /** Set once the caller is known. */
  millrace?: RequestContext;
  /** Set by the guard from @ErrorFormat. */
  errorFormat?: ErrorFormatName;
  /** Exact bytes of a JSON body. */
  rawBody?: Buffer;
}

/** `@Ctx() ctx: RequestContext` */
export const Ctx = createParamDecorator((_data: unknown, host: ExecutionContext): RequestContext => {
  const context = host.switchToHttp().getRequest<MillraceRequest>().millrace;
  if (!context) throw CommonErrors.INTERNAL('the request has no context: the guard did not run');
  return context;
});
