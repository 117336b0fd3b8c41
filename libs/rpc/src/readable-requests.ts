// SPDX-License-Identifier: Apache-2.0
import { CommonErrors, invalidFields } from '#libs/errors';
import type { GeneratedService } from './service-types';

/** The message by which our own client says that its source broke: field 1 with the wire type 7, which no server can read. */
export const BREAK_MARK = Buffer.from([0x0f]);

/** Stands for bytes that are no message of the method's request type. */
export class Unreadable {
  constructor(readonly error: Error) {}
}

const sizes = new WeakMap<object, number>();

/** Encoded size of a message that came in a request stream; 0 where it could not be read. */
export function requestBytes(request: unknown): number {
  return sizes.get(request as object) ?? 0;
}

/**
 * The definition with decoders that do not throw. grpc-js answers INTERNAL when a decoder throws, past every metric and error
 * mapping; bytes that are no message are the caller's mistake.
 */
export function withReadableRequests(definition: GeneratedService): GeneratedService {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): unknown => {
        try {
          const request = method.requestDeserialize(bytes) as object;
          if (method.requestStream) sizes.set(request, bytes.length);
          return request;
        } catch (error) {
          if (method.requestStream && bytes.equals(BREAK_MARK)) {
            return new Unreadable(CommonErrors.CANCELLED('the caller broke off the stream'));
          }
          const message = `is no message: ${(error as Error).message}`;
          return new Unreadable(invalidFields({ field: 'request', message }));
        }
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}

/** Throws COMMON.INVALID_ARGUMENT for bytes that could not be decoded, COMMON.CANCELLED for the break mark. */
export function readable<T>(request: T): T {
  if (request instanceof Unreadable) throw request.error;
  return request;
}
