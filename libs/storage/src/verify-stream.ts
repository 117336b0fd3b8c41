// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { StorageErrors } from './storage.errors';

/** Passes bytes through and fails at the end when they do not hash to `sha256`. */
export function verifyStream(sha256: string): Transform {
  const hash = createHash('sha256');
  return new Transform({
    highWaterMark: 256 * 1024,
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const actual = hash.digest('hex');
      done(
        actual === sha256
          ? null
          : StorageErrors.CORRUPT(`blob ${sha256} has been altered: its bytes hash to ${actual}`, { sha256, actual }),
      );
    },
  });
}
