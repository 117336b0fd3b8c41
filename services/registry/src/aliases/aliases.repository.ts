// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { AliasInterval, AliasPolicy } from './alias';

/** Aliases, their history and their policies. Callers that change something hold the lock of the model's row. */
export abstract class AliasesRepository {
  abstract find(db: Queryable, workspace: string, modelName: string, alias: string): Promise<number | undefined>;
  /**
   * Points the alias to the interval's version, ends the interval before and opens this one. Returns when: by the database's clock and
   * never before what came before, so that every time has one answer, whatever the clocks of the processes say.
   */
  abstract set(
    tx: Transaction,
    workspace: string,
    at: { modelName: string; alias: string },
    interval: Omit<AliasInterval, 'validFrom'>,
  ): Promise<Date>;
  abstract delete(tx: Transaction, workspace: string, at: { modelName: string; alias: string }): Promise<void>;
  /** Newest first; only the interval that holds at `at` when given. */
  abstract history(
    db: Queryable,
    workspace: string,
    query: { modelName: string; alias: string; at?: Date },
  ): Promise<AliasInterval[]>;
  abstract movedByRollout(db: Queryable, workspace: string, modelName: string, rolloutId: string): Promise<boolean>;
  abstract policy(db: Queryable, workspace: string, modelName: string, alias: string): Promise<AliasPolicy | undefined>;
  abstract policies(db: Queryable, workspace: string, modelName: string): Promise<AliasPolicy[]>;
  abstract setPolicy(tx: Transaction, workspace: string, modelName: string, policy: AliasPolicy): Promise<void>;
}
