// SPDX-License-Identifier: Apache-2.0
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type AppError, CommonErrors, isAppError, toAppError } from '#libs/errors';
import type { Logger } from '#libs/observability';
import { errorFormatOfPath, renderError } from './error-formats';
import { logFailure } from './log-failure';
import { requestIdOf } from './request-id';
import type { MillraceRequest } from './request-context';
import { otherMethodsOf } from './route-table';

/** Turns whatever a route threw, and whatever Fastify or Nest refused before it, into one of the three error bodies. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<MillraceRequest>();
    const reply = http.getResponse<FastifyReply>();
    const path = pathOf(request);
    const error = wrongMethod(request, path) ?? fromTransport(thrown);
    const requestId = requestIdOf(request);
    logFailure(this.logger, error, { requestId, method: request.method, path });
    // The status line is gone: cutting the connection is the only way left to say that the answer is not complete.
    if (reply.sent || reply.raw.headersSent) return void reply.raw.destroy();
    const rendered = renderError(error, request.errorFormat ?? errorFormatOfPath(path), { path, requestId });
    // The rest of a body that nobody reads must not hold the connection.
    if (!request.raw.complete) void reply.header('connection', 'close');
    void reply
      .status(rendered.status)
      .headers({ ...rendered.headers, 'x-request-id': requestId })
      .send(rendered.body);
  }
}

// The router knows only "no route"; a path that answers other methods is not unknown (RFC 9110, 15.5.6).
function wrongMethod(request: MillraceRequest, path: string): AppError | undefined {
  const allow = otherMethodsOf(request);
  if (allow.length === 0) return undefined;
  return CommonErrors.METHOD_NOT_ALLOWED(`${path} does not answer ${request.method}`, { allow });
}

function pathOf(request: MillraceRequest): string {
  return (request.raw.url ?? request.url ?? '/').split('?')[0];
}

interface TransportError {
  statusCode?: number;
  code?: string;
  message?: string;
  getStatus?: () => number;
}

/** Errors of Fastify (body, media type, limits) and Nest (404 routes, bad requests) as AppErrors. */
export function fromTransport(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const { statusCode, code, message, getStatus } = (thrown ?? {}) as TransportError;
  const status = typeof getStatus === 'function' ? getStatus.call(thrown) : statusCode;
  const text = message ?? 'the request is wrong';
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return CommonErrors.CANCELLED('the client went away', {}, thrown);
  switch (status) {
    case 400:
      return CommonErrors.INVALID_ARGUMENT(
        bodyMessage(code, text),
        { violations: [{ field: 'body', message: bodyMessage(code, text) }] },
        thrown,
      );
    case 401:
      return CommonErrors.UNAUTHENTICATED(text, {}, thrown);
    case 403:
      return CommonErrors.FORBIDDEN(text, {}, thrown);
    case 404:
      return CommonErrors.ROUTE_NOT_FOUND(text.replace(/^Cannot /, 'no route answers '), {}, thrown);
    case 405:
      return CommonErrors.METHOD_NOT_ALLOWED(text, {}, thrown);
    case 408:
      return CommonErrors.REQUEST_TIMEOUT('the request did not arrive in time', {}, thrown);
    case 413:
      return CommonErrors.PAYLOAD_TOO_LARGE('the body is larger than this route accepts', {}, thrown);
    case 414:
      return CommonErrors.INVALID_ARGUMENT('the address is too long', {}, thrown);
    case 415:
      return CommonErrors.UNSUPPORTED_MEDIA_TYPE(text, {}, thrown);
    case 503:
      return CommonErrors.UNAVAILABLE('the service is stopping', {}, thrown);
    default:
      if (status !== undefined && status >= 400 && status < 500) return CommonErrors.INVALID_ARGUMENT(text, {}, thrown);
      return toAppError(thrown);
  }
}

function bodyMessage(code: string | undefined, text: string): string {
  return code === 'FST_ERR_CTP_INVALID_JSON_BODY' || /JSON|proto/i.test(text)
    ? `is not valid JSON: ${text.slice(0, 200)}`
    : text.slice(0, 300);
}
