// SPDX-License-Identifier: Apache-2.0
import { describeMutants } from './describe-world';
import { MUTANTS } from './mutants';

/** Several times what the hardest of them takes, see the table in README.md. */
const SCHEDULES = 3_000;

describeMutants(MUTANTS, SCHEDULES);
