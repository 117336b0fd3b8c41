// SPDX-License-Identifier: Apache-2.0
import { describeMutants, describeWorld } from './describe-world';
import { INTENT_MUTANTS } from './intents-mutants';

describeWorld('intents', { seed: 1, schedules: 1_000 });
describeMutants(INTENT_MUTANTS, 1_000);
