// SPDX-License-Identifier: Apache-2.0
import { type AppError, defineErrors } from '#libs/errors';
import type { JobViolation } from './failure';

export const TrainingErrors = defineErrors('TRAINING', {
  SPEC_INVALID: {
    kind: 'invalid',
    retry: 'never',
    help: 'The job, evaluation or pipeline is refused; details.violations names each field.',
  },
  ROWS_INVALID: {
    kind: 'invalid',
    retry: 'never',
    help: 'Rows of a dataset version do not fit the job; faults name input, row and column.',
  },
  JOB_ENDED: { kind: 'precondition', retry: 'never', help: 'The job has ended; nothing is left to stop.' },
  LEASE_LOST: { kind: 'conflict', retry: 'never', help: 'Another process took the job over; this one stops writing.' },
  NOT_COMPARABLE: {
    kind: 'precondition',
    retry: 'never',
    help: 'Two evaluation jobs share no scored rows, or one has not succeeded.',
  },
  OUT_OF_MEMORY: {
    kind: 'exhausted',
    retry: 'never',
    help: 'The trainer needs more memory than it may use; take a smaller batch or model.',
  },
  TRAINER_LOST: { kind: 'unavailable', retry: 'later', help: 'The trainer process vanished without an account.' },
  TRAINER_KILLED: { kind: 'unavailable', retry: 'later', help: 'A signal ended the trainer process.' },
  TRAINER_CRASHED: {
    kind: 'internal',
    retry: 'never',
    help: 'The trainer process ended without a result; its last words are in the message.',
  },
  TRAINER_OUTPUT_INVALID: { kind: 'internal', retry: 'never', help: 'The trainer broke the file contract.' },
  TRAINER_NOT_STARTED: { kind: 'unavailable', retry: 'later', help: 'The executor could not start the trainer.' },
  CHECKPOINT_MISMATCH: {
    kind: 'precondition',
    retry: 'never',
    help: 'A checkpoint belongs to another job, base, tokenizer or data; the field is named.',
  },
  GATE_NOT_FAILED: { kind: 'precondition', retry: 'never', help: 'Only a pipeline run whose gate failed can be forced.' },
  RUN_ENDED: { kind: 'precondition', retry: 'never', help: 'The pipeline run has ended.' },
  FEEDBACK_TOO_SMALL: {
    kind: 'precondition',
    retry: 'never',
    help: 'The feedback dataset has fewer rows than the pipeline asks for.',
  },
  PIPELINE_EXISTS: { kind: 'already-exists', retry: 'never', help: 'A pipeline of that name exists in the workspace.' },
  PROPOSAL_TAKEN: {
    kind: 'already-exists',
    retry: 'never',
    help: 'The pipeline has a run for this retraining proposal already.',
  },
  ETAG_MISMATCH: { kind: 'conflict', retry: 'never', help: 'The resource changed meanwhile; read it again.' },
});

/** SPEC_INVALID naming every field. */
export function specInvalid(violations: readonly JobViolation[]): AppError {
  const message = violations.map((violation) => `${violation.field}: ${violation.message}`).join('; ');
  return TrainingErrors.SPEC_INVALID(message, { violations });
}
