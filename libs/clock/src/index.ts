// SPDX-License-Identifier: Apache-2.0
export { currentAmbient, runWithAmbient } from './ambient';
export type { ActiveDeadline, Ambient, TracePosition } from './ambient';
export { ArrivalPace } from './arrival-pace';
export type { PaceLimits } from './arrival-pace';
export { Clock, every, FakeClock, SystemClock } from './clock';
export { IdlePause } from './idle-pause';
export { Ids, newId, SeededIds, UuidIds } from './ids';
export { pooledRandomBytes } from './random-pool';
export { seededRandom } from './seeded-random';
export { currentDeadline, earliestDeadline, remainingDeadlineMs, runWithDeadline } from './deadline';
