// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** What the OpenAI routes may answer. `details.param` names the parameter, `details.openaiCode` the code that SDKs know. */
export const CompletionErrors = defineErrors('GATEWAY', {
  INVALID_REQUEST: { kind: 'invalid', retry: 'never', help: 'A parameter of an OpenAI request is wrong; param names it.' },
  INVALID_API_KEY: { kind: 'unauthenticated', retry: 'never', help: 'No API key, or one that is unknown or revoked.' },
  MODEL_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No endpoint of that name in this workspace.' },
  MODEL_NOT_READY: { kind: 'unavailable', retry: 'later', help: 'The endpoint exists; its version is still being loaded.' },
  TOO_MANY_REQUESTS: {
    kind: 'exhausted',
    retry: 'later',
    help: 'The gateway holds as many requests as it may; retry after the hint.',
  },
  BACKEND_UNAVAILABLE: { kind: 'unavailable', retry: 'later', help: 'The model server does not answer or broke off.' },
  BACKEND_TIMEOUT: { kind: 'deadline', retry: 'never', help: "The answer took longer than the endpoint's timeout." },
  BACKEND_BAD_ANSWER: { kind: 'unavailable', retry: 'never', help: 'The model server answered something that is no completion.' },
  SHUTTING_DOWN: { kind: 'unavailable', retry: 'later', help: 'This gateway is stopping; another replica will answer.' },
});
