// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

const POOL_BYTES = 4096;
let pool = Buffer.alloc(0);
let used = 0;

/**
 * Cryptographically random bytes out of a pool: one call to the system per 4 KB, because each costs some 10 us and a request needs
 * several ids. No byte is given twice. For ids, not for keys.
 */
export function pooledRandomBytes(count: number): Buffer {
  if (used + count > pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
