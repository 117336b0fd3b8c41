// SPDX-License-Identifier: Apache-2.0
import { describeSchedules } from './describe-schedules';

// Two files, so that both cores work.
describeSchedules({ seed: 1_000_000, pinned: false });
