// SPDX-License-Identifier: Apache-2.0
import { describeMutants, describeWorld } from './describe-world';
import { JOB_MUTANTS } from './jobs-mutants';

describeWorld('jobs', { seed: 1, schedules: 1_000 });
describeMutants(JOB_MUTANTS, 8_000);
