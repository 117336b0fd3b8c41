// SPDX-License-Identifier: Apache-2.0
import { defineErrors } from '#libs/errors';

export const StorageErrors = defineErrors('STORAGE', {
  NOT_FOUND: { kind: 'not-found', retry: 'never', help: 'No blob has this digest.' },
  CORRUPT: {
    kind: 'internal',
    retry: 'never',
    help: 'The bytes of a blob do not match its digest: the disk or somebody changed them.',
  },
  INVALID_DIGEST: { kind: 'invalid', retry: 'never', help: 'A digest is 64 lowercase hex digits of sha256.' },
  TOO_LARGE: { kind: 'exhausted', retry: 'never', help: 'The blob is larger than the reader accepts.' },
  BAD_MANIFEST: { kind: 'invalid', retry: 'never', help: 'A model manifest is malformed or names a path outside of its folder.' },
  DISK_FULL: { kind: 'exhausted', retry: 'later', help: 'No space is left for blobs.' },
  UNAVAILABLE: { kind: 'unavailable', retry: 'later', help: 'The blob store does not answer.' },
});

/** What the file system said, as a code that tells to come later; anything else as it is. */
export function translateDisk(error: unknown, message: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return StorageErrors.DISK_FULL('no space is left for blobs', undefined, error);
  return StorageErrors.UNAVAILABLE(message, { reason: code }, error);
}
