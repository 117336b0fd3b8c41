// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const GizmoPolicyErrors = defineErrors('REGISTRY', {
  GIZMO_POLICY_NOT_READY: { kind: 'precondition', retry: 'never', help: 'Say in one line when this happens.' },
});
