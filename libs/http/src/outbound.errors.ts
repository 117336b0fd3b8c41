// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const OutboundErrors = defineErrors('OUTBOUND', {
  ADDRESS_REFUSED: {
    kind: 'invalid',
    retry: 'never',
    help: 'An outgoing address is private, malformed or not http(s); see OUTBOUND_ALLOW_HOSTS.',
  },
  NAME_NOT_RESOLVED: {
    kind: 'unavailable',
    retry: 'later',
    help: 'The name in an outgoing address has no address, or its DNS server does not answer; the hosts file is not asked.',
  },
});
