// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const JobErrors = defineErrors('DATA_PREP', {
  LEASE_LOST: {
    kind: 'conflict',
    retry: 'never',
    help: 'Another worker took the job over, or it was cancelled; this try wrote nothing.',
  },
  JOB_TOO_LONG: {
    kind: 'deadline',
    retry: 'later',
    help: 'A try of the job took longer than JOB_SECONDS_MAX and was interrupted.',
  },
  ATTEMPTS_EXHAUSTED: {
    kind: 'internal',
    retry: 'never',
    help: 'The job was tried as often as JOB_ATTEMPTS_MAX allows; its process died or failed each time.',
  },
});
