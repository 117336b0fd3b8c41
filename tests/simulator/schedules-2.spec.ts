// SPDX-License-Identifier: Apache-2.0
import { describeWorld } from './describe-world';

// Two files, so that both cores work.
describeWorld('messaging', { seed: 1_000_000, schedules: 2_500 });
