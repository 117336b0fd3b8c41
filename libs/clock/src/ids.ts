// SPDX-License-Identifier: Apache-2.0
import { pooledRandomBytes } from './random-pool';
import { seededRandom } from './seeded-random';

let lastMs = 0;
let sequence = 0;

/**
 * UUIDv7 (RFC 9562): 48 bits of milliseconds, then 12 bits that count up within a millisecond, then random bits. Ids made by one
 * process sort in the order they were made, also when the wall clock steps back.
 */
export function newId(): string {
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = pooledRandomBytes(2).readUInt16BE() & 0x3ff;
  } else {
    sequence += 1;
    if (sequence > 0xfff) {
      lastMs += 1;
      sequence = 0;
    }
  }
  return formatUuid7(lastMs, sequence, pooledRandomBytes(8));
}

function formatUuid7(ms: number, counter: number, random: Uint8Array): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(ms, 0, 6);
  bytes.writeUInt16BE(0x7000 | counter, 6);
  bytes.set(random.subarray(0, 8), 8);
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Source of new ids, a port so that tests and the simulator can repeat themselves. */
export abstract class Ids {
  abstract next(): string;
}

export class UuidIds extends Ids {
  next(): string {
    return newId();
  }
}

/** The same UUIDv7-shaped ids for the same seed; time starts at 2026-01-01 and moves 1 ms per id. */
export class SeededIds extends Ids {
  private ms = Date.UTC(2026, 0, 1);
  private readonly random: () => number;

  constructor(seed: number) {
    super();
    this.random = seededRandom(seed);
  }

  next(): string {
    const bytes = Uint8Array.from({ length: 8 }, () => Math.floor(this.random() * 256));
    this.ms += 1;
    return formatUuid7(this.ms, 0, bytes);
  }
}
