// SPDX-License-Identifier: Apache-2.0
import { Readable } from 'node:stream';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { CommonErrors } from '#libs/errors';
import type { MillraceRequest } from './request-context';

/**
 * `@RawBodyStream() body: Readable`: the bytes of the request as they arrive. A client that breaks off makes the stream fail
 * (it never just ends). JSON bodies are refused: they have been parsed already.
 */
export const RawBodyStream = createParamDecorator(readRawBody);

function readRawBody(_data: unknown, host: ExecutionContext): Readable {
  const request = host.switchToHttp().getRequest<MillraceRequest>();
  const { body } = request;
  if (body instanceof Readable) return body;
  if (body === undefined || body === null) return Readable.from([]);
  throw CommonErrors.UNSUPPORTED_MEDIA_TYPE(
    `content type ${JSON.stringify(request.headers['content-type'])} is parsed here; send application/octet-stream`,
  );
}

/** True for what a `@RawBodyStream()` parameter is read with. */
export function isRawBody(factory: unknown): boolean {
  return factory === readRawBody;
}
