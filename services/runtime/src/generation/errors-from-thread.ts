// SPDX-License-Identifier: Apache-2.0
import type { AppError } from '#libs/errors';
import { invalidParameter, RuntimeErrors } from '../runtime.errors';
import type { FromThread } from './generation';

/** A failure that a thread reported, in this service's codes. */
export function errorFromThread(failure: Extract<FromThread, { kind: 'failed' }>): AppError {
  switch (failure.code) {
    case 'TINY_LM.CONTEXT_LENGTH_EXCEEDED':
      return RuntimeErrors.CONTEXT_LENGTH_EXCEEDED(failure.message, { param: 'messages', openaiCode: 'context_length_exceeded' });
    case 'TINY_LM.CHAT_INVALID':
    case 'TINY_LM.EXAMPLE_INVALID':
      return invalidParameter(failure.field, failure.message.replace(`${failure.field}: `, ''));
    default:
      return RuntimeErrors.THREAD_LOST(`generation failed: ${failure.message}`);
  }
}
