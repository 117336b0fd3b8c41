// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const DatasetErrors = defineErrors('INGESTION', {
  UPLOAD_INCOMPLETE: { kind: 'invalid', retry: 'never', help: 'The upload ended before its last byte; nothing of it was kept.' },
  UPLOAD_DIGEST_MISMATCH: {
    kind: 'invalid',
    retry: 'never',
    help: 'The bytes do not have the sha256 that was promised; nothing was kept.',
  },
  UPLOAD_TOO_LARGE: {
    kind: 'invalid',
    retry: 'never',
    help: 'The upload has more bytes than UPLOAD_BYTES_MAX; nothing was kept.',
  },
  NO_ROWS: {
    kind: 'invalid',
    retry: 'never',
    help: 'Not one row of the upload could be kept; the upload is listed with its reasons.',
  },
  UPLOADS_BUSY: { kind: 'exhausted', retry: 'later', help: 'Too many uploads run at once (UPLOADS_RUNNING_MAX).' },
  VERSION_DELETED: { kind: 'precondition', retry: 'never', help: 'The rows of this version were deleted.' },
  NO_FEEDBACK: { kind: 'precondition', retry: 'never', help: 'No feedback of this model can become a row yet.' },
});
