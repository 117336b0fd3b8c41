// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Evaluation } from './evidence';

/** Measurements, kept by the digest of the model that was scored: they may arrive before its version is registered. */
export abstract class EvaluationsRepository {
  /** A measurement of the same evaluation job that is there already stays. */
  abstract add(tx: Transaction, workspace: string, evaluations: readonly Evaluation[]): Promise<void>;
  /** Of several models at once, newest first. */
  abstract list(db: Queryable, workspace: string, manifestDigests: readonly string[]): Promise<Evaluation[]>;
}
