// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** What endpoint, rollout and API key operations may answer beside the common codes. */
export const EndpointErrors = defineErrors('GATEWAY', {
  ENDPOINT_EXISTS: { kind: 'already-exists', retry: 'never', help: 'An endpoint of that name exists in this workspace.' },
  ENDPOINT_CHANGED: { kind: 'conflict', retry: 'never', help: 'The etag is not current; read the endpoint again.' },
  BACKEND_NOT_ALLOWED: {
    kind: 'forbidden',
    retry: 'never',
    help: 'The backend URL is neither RUNTIME_URL nor in BACKEND_ORIGINS.',
  },
  ROLLOUT_OVER: { kind: 'precondition', retry: 'never', help: 'The rollout ended another way; details.state says how.' },
});
