// SPDX-License-Identifier: Apache-2.0

/** The partition of a key: FNV-1a over its UTF-8 bytes (http://www.isthe.com/chongo/tech/comp/fnv), stable for the life of a topic. */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % partitions;
}
