// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

/** Every failure that a caller of the registry may expect. Texts of the MLflow doors follow the stock server word for word. */
export const RegistryErrors = defineErrors('REGISTRY', {
  INVALID_PARAMETER: {
    kind: 'invalid',
    retry: 'never',
    help: 'A parameter is missing, malformed or past a limit; the message names it.',
  },
  INVALID_STATE: {
    kind: 'precondition',
    retry: 'never',
    help: 'The experiment, run or version is not in a state that allows this.',
  },
  EXPERIMENT_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such experiment in this workspace.' },
  EXPERIMENT_EXISTS: {
    kind: 'already-exists',
    retry: 'never',
    help: 'The experiment name is taken, maybe by a deleted experiment.',
  },
  RUN_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such run in this workspace.' },
  TAG_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'The run or experiment has no tag with this key.' },
  MODEL_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such registered model in this workspace.' },
  MODEL_EXISTS: { kind: 'already-exists', retry: 'never', help: 'The name of the registered model is taken.' },
  VERSION_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such version of the registered model, or it was deleted.' },
  ALIAS_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'The registered model has no such alias.' },
  ALIAS_PROTECTED: {
    kind: 'forbidden',
    retry: 'never',
    help: 'The alias has a policy: ask for the move (POST /api/v1/models/{name}/aliases/{alias}/moves) and let others approve it.',
  },
  EVIDENCE_MISSING: {
    kind: 'precondition',
    retry: 'never',
    help: 'The policy asks for evaluations that do not exist; details.rules names them.',
  },
  EVIDENCE_FAILED: {
    kind: 'precondition',
    retry: 'never',
    help: 'Evaluations exist but fail the policy; details.rules has rule and figures.',
  },
  FORCE_REFUSED: { kind: 'forbidden', retry: 'never', help: 'Forcing a move needs role approver.' },
  APPROVAL_NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No such approval in this workspace.' },
  APPROVAL_PENDING: {
    kind: 'conflict',
    retry: 'never',
    help: 'The same move already waits for approval; details.approvalId names it.',
  },
  APPROVAL_CLOSED: {
    kind: 'precondition',
    retry: 'never',
    help: 'The approval was decided, expired or was overtaken by another move.',
  },
  OWN_APPROVAL: { kind: 'forbidden', retry: 'never', help: 'Who asked for a move cannot say yes to it: another person must.' },
  ALREADY_VOTED: { kind: 'conflict', retry: 'never', help: 'One person has one vote on an approval.' },
});

/** INVALID_PARAMETER with that text. */
export function invalidParameter(message: string): Error {
  return RegistryErrors.INVALID_PARAMETER(message);
}
