// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const ProfileErrors = defineErrors('DATA_PREP', {
  PROFILE_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such profile in this workspace.' },
  PROFILE_NOT_READY: {
    kind: 'precondition',
    retry: 'later',
    help: 'The profile is still being made, or failed; its state says which.',
  },
});
