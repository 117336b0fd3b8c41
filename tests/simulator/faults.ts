// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';

/** Something that goes wrong at a time, or at the nth call that a process makes through its ports. */
export type Fault =
  | { kind: 'crash'; process: number; atCall: number; before: boolean; awayMs: number }
  | { kind: 'lose-answer'; process: number; atCall: number }
  | { kind: 'lose-commit'; process: number; nth: number }
  | { kind: 'freeze'; process: number; atMs: number; forMs: number }
  | { kind: 'cut'; process: number; server: 'db' | 'log' | 'broker'; atMs: number; forMs: number }
  | { kind: 'clock'; process: number; atMs: number; byMs: number }
  | { kind: 'database-clock'; atMs: number; byMs: number }
  | { kind: 'database-crash'; atMs: number; forMs: number }
  | { kind: 'end-session'; atMs: number }
  | { kind: 'broker-away'; atMs: number; forMs: number }
  | { kind: 'rebalance'; atMs: number }
  | { kind: 'duplicate'; atMs: number }
  | { kind: 'refuse-key'; atMs: number; forMs: number };

type DrawnKind = Exclude<Fault['kind'], 'lose-commit'>;

export const FAULT_KINDS: DrawnKind[] = [
  'crash',
  'crash',
  'crash',
  'lose-answer',
  'lose-answer',
  'freeze',
  'cut',
  'clock',
  'database-clock',
  'database-crash',
  'end-session',
  'end-session',
  'broker-away',
  'rebalance',
  'duplicate',
  'refuse-key',
];

/** What a schedule is made of. A shortened schedule has the same seed and fewer faults. */
export interface Plan {
  seed: number;
  broker: 'kafka' | 'event-log';
  processes: number;
  changes: number;
  batches: boolean;
  /** The consumer's own table finds repeats, not the inbox. */
  ownsDuplicates: boolean;
  /** The consumer takes the pieces of several partitions together. */
  gathers: boolean;
  faults: Fault[];
}

/** Seeds below are pinned, or catch a mutation, with the consumers that there were. */
const OWN_KEYS_FROM_SEED = 1_000;
const GATHERS_FROM_SEED = 2_500;

/** Draws a schedule. One in eight has no fault: nothing may be sent twice there. */
export function drawPlan(seed: number): Plan {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  const upTo = (max: number): number => Math.floor(random() * max);
  const processes = 2 + upTo(2);
  const count = random() < 0.125 ? 0 : 1 + upTo(6);
  const faults = Array.from({ length: count }, () => drawFault(FAULT_KINDS[upTo(FAULT_KINDS.length)], processes, upTo));
  // From a stream of its own, so that the other faults of a seed stay what they are. Few answers are as dear as that of a COMMIT.
  const extra = seededRandom(Math.imul(seed, 0x85ebca6b) ^ 0x27d4eb2f);
  if (count > 0 && extra() < 0.2)
    faults.push({ kind: 'lose-commit', process: Math.floor(extra() * processes), nth: 1 + Math.floor(extra() * 10) });
  const owns = seed >= OWN_KEYS_FROM_SEED && seededRandom(Math.imul(seed, 0xc2b2ae35) ^ 0x165667b1)() < 0.3;
  const gathers = seed >= GATHERS_FROM_SEED && seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x2545f491)() < 0.4;
  return {
    seed,
    broker: random() < 0.5 ? 'kafka' : 'event-log',
    processes,
    changes: 4 + upTo(8),
    batches: random() < 0.5,
    ownsDuplicates: owns,
    gathers,
    faults,
  };
}

function drawFault(kind: DrawnKind, processes: number, upTo: (max: number) => number): Fault {
  const process = upTo(processes);
  const atMs = upTo(9_000);
  const forMs = [200, 2_000, 12_000, 30_000][upTo(4)] + upTo(1_000);
  const byMs = (upTo(2) === 0 ? -1 : 1) * [1_000, 60_000, 3_600_000][upTo(3)];
  switch (kind) {
    case 'crash':
      return { kind, process, atCall: 1 + upTo(150), before: upTo(2) === 0, awayMs: 500 + upTo(20_000) };
    case 'lose-answer':
      return { kind, process, atCall: 1 + upTo(150) };
    case 'freeze':
      return { kind, process, atMs, forMs };
    case 'cut':
      return { kind, process, server: (['db', 'log', 'broker'] as const)[upTo(3)], atMs, forMs };
    case 'clock':
      return { kind, process, atMs, byMs };
    case 'database-clock':
      return { kind, atMs, byMs: Math.abs(byMs) };
    case 'database-crash':
    case 'broker-away':
    case 'refuse-key':
      return { kind, atMs, forMs };
    default:
      return { kind, atMs };
  }
}
