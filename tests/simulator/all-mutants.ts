// SPDX-License-Identifier: Apache-2.0
import { INTENT_MUTANTS } from './intents-mutants';
import { JOB_MUTANTS } from './jobs-mutants';
import type { Mutant } from './mutant';
import { MUTANTS } from './mutants';
import { TRAINING_MUTANTS } from './training-mutants';
import { WEBHOOK_MUTANTS } from './webhooks-mutants';

export const ALL_MUTANTS: readonly Mutant[] = [
  ...MUTANTS,
  ...INTENT_MUTANTS,
  ...JOB_MUTANTS,
  ...TRAINING_MUTANTS,
  ...WEBHOOK_MUTANTS,
];
