// SPDX-License-Identifier: Apache-2.0
import { describeMutants, describeWorld } from './describe-world';
import { TRAINING_MUTANTS } from './training-mutants';

describeWorld('training', { seed: 1, schedules: 500 });
describeMutants(TRAINING_MUTANTS, 6_000);
