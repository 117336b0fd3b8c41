// SPDX-License-Identifier: Apache-2.0
export { Clock, FakeClock, SystemClock } from './clock';
export { Ids, newId, SeededIds, UuidIds } from './ids';
export { pooledRandomBytes } from './random-pool';
export { seededRandom } from './seeded-random';
export { currentDeadline, remainingDeadlineMs, runWithDeadline } from './deadline';
