// SPDX-License-Identifier: Apache-2.0
import { fault as f04 } from './f04-rolling-restart';
import { fault as f15 } from './f15-clock';
import { fault as f16 } from './f16-poison';
import { fault as f18 } from './f18-rebalance-storm';
import { fault as f19 } from './f19-two-relays';
import { fault as f20 } from './f20-migrators';
import { fault as f21 } from './f21-grpc';
import { fault as f22 } from './f22-pool-starved';
import { fault as f24 } from './f24-restore';
import type { Fault } from './support/fault';

/** Faults of clocks, poison, groups, relays, migrators, RPC, pools and backups. */
export const otherFaults: readonly Fault[] = [f04, f15, f18, f19, f20, f21, f22, f24, f16];
