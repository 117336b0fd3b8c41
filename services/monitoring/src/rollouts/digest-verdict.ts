// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

/** sha256 (hex) over JSON with sorted keys: jsonb keeps no order of keys, the digest must not depend on one. */
export function digestOf(value: unknown): string {
  const text = JSON.stringify(value, (_name, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)));
  });
  return createHash('sha256').update(text).digest('hex');
}
