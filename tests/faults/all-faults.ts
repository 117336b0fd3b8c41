// SPDX-License-Identifier: Apache-2.0
import { fault as f01 } from './f01-killed-at-failpoints';
import { fault as f02 } from './f02-consumer-killed';
import { fault as f03 } from './f03-stopped-under-load';
import { fault as f05 } from './f05-consumer-frozen';
import { fault as f17 } from './f17-duplicate-storm';
import { fault as f06 } from './f06-broker-killed';
import { fault as f07 } from './f07-broker-frozen';
import { fault as f09 } from './f09-postgres-crashed';
import { fault as f10 } from './f10-backends-terminated';
import { fault as f11 } from './f11-backend-frozen';
import { fault as f12 } from './f12-disk-full';
import { fault as f13 } from './f13-partition';
import { fault as f14 } from './f14-bad-link';
import { otherFaults } from './other-faults';
import { fault as f08 } from './f08-log-lost';
import type { Fault } from './support/fault';

/** Every fault of the suite, in the order in which they run: those on the shared lab first. */
export const allFaults: readonly Fault[] = [f01, f02, f03, f05, f17, f06, f07, f09, f10, f11, f08, f12, f13, f14, ...otherFaults];
