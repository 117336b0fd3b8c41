// SPDX-License-Identifier: Apache-2.0
import type { Transaction } from '#libs/persistence';
import type { RunWork, StepOutcome } from './pipeline-run';

/** A step's decision, with rows that must be written in the transaction that records it. */
export interface Step extends StepOutcome {
  write?: (tx: Transaction) => Promise<RunWork>;
}
