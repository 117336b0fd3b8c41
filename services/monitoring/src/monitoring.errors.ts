// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** The expected failures of monitoring. */
export const MonitoringErrors = defineErrors('MONITORING', {
  MONITOR_NAME_TAKEN: {
    kind: 'already-exists',
    retry: 'never',
    help: 'A monitor or webhook with this name exists in the workspace.',
  },
  TOO_MANY_WEBHOOKS: { kind: 'precondition', retry: 'never', help: 'A workspace has at most 100 webhooks; delete one first.' },
  REFERENCE_TOO_SMALL: { kind: 'invalid', retry: 'never', help: 'A drift monitor needs at least 50 reference rows.' },
  PROPOSAL_RESOLVED: { kind: 'precondition', retry: 'never', help: 'The proposal was resolved already.' },
  RATER_NOT_QUARANTINED: { kind: 'precondition', retry: 'never', help: 'Only a quarantined rater can be released.' },
  WEBHOOK_URL_REFUSED: {
    kind: 'invalid',
    retry: 'never',
    help: 'The webhook URL leads into a private network; OUTBOUND_ALLOW_HOSTS names exceptions.',
  },
});
