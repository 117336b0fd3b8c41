// SPDX-License-Identifier: Apache-2.0
import { describeMutants, describeWorld } from './describe-world';
import { INTENT_MUTANTS } from './intents-mutants';

describeWorld('intents', 1_000);
describeMutants(INTENT_MUTANTS, 1_000);
