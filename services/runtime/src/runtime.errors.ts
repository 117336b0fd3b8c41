// SPDX-License-Identifier: Apache-2.0
import { defineErrors, type AppError } from '#libs/errors';

export const RuntimeErrors = defineErrors('RUNTIME', {
  MODEL_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No model of this id or alias is loaded on this server.' },
  MODEL_ID_TAKEN: { kind: 'conflict', retry: 'never', help: 'The id or alias belongs to another model version.' },
  MODEL_REFUSED: {
    kind: 'precondition',
    retry: 'never',
    help: 'A file of the model is missing, altered or not one that this server can compute; details.file names it.',
  },
  MODEL_TOO_LARGE: { kind: 'exhausted', retry: 'never', help: 'The model alone exceeds the memory bound for models.' },
  INVALID_REQUEST: {
    kind: 'invalid',
    retry: 'never',
    help: 'A parameter of a completion request is wrong; details.param names it.',
  },
  CONTEXT_LENGTH_EXCEEDED: { kind: 'invalid', retry: 'never', help: "The prompt leaves no room in the model's context." },
  QUEUE_FULL: { kind: 'exhausted', retry: 'later', help: 'Every thread is busy and the queue is full.' },
  GENERATION_TIMEOUT: { kind: 'deadline', retry: 'never', help: 'The request took longer than the server allows.' },
  THREAD_LOST: { kind: 'unavailable', retry: 'later', help: 'The thread that worked on the request died; it is being replaced.' },
});

/** INVALID_REQUEST naming the parameter, in OpenAI's words. */
export function invalidParameter(param: string, reason: string): AppError {
  return RuntimeErrors.INVALID_REQUEST(`${param}: ${reason}`, { param, openaiCode: 'invalid_value' });
}

export function modelNotFound(id: string): AppError {
  return RuntimeErrors.MODEL_NOT_FOUND(`the model ${JSON.stringify(id)} is not loaded here`, {
    param: 'model',
    openaiCode: 'model_not_found',
    type: 'invalid_request_error',
  });
}
