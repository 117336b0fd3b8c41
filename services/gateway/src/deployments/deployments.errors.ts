// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** What a model server may answer to the gateway's own calls. */
export const DeploymentErrors = defineErrors('GATEWAY', {
  LOAD_REFUSED: {
    kind: 'precondition',
    retry: 'later',
    help: 'The model server refused to load a version; the message says why.',
  },
  BACKEND_CALL_FAILED: { kind: 'unavailable', retry: 'later', help: 'A management call to a model server got no good answer.' },
});
