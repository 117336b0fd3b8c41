// SPDX-License-Identifier: Apache-2.0
import type { Queryable } from '#libs/persistence';
import type { MinuteRollup } from '../rollups/minute-rollup';

/** A finished request, as the gateway told. */
export interface Inference {
  workspace: string;
  id: string;
  /** "id" of the answer's body; feedback may name it in place of the inference id. Empty when there is none. */
  responseId: string;
  endpoint: string;
  modelName: string;
  modelVersion: number;
  modelManifestDigest: string;
  rolloutId: string;
  /** none, control or candidate. */
  arm: string;
  userHash: string;
  statusCode: number;
  errorCode: string;
  latencyMs: number;
  promptTokens: number;
  completionTokens: number;
  inputText: string;
  outputText: string;
  /** Hash of the normalised input: equal questions share it. Empty without captured input. */
  inputKey: string;
  requestTime: Date;
}

export interface RollupQuery {
  workspace: string;
  endpoint?: string;
  from: Date;
  to: Date;
}

export abstract class InferencesRepository {
  /** Inserts what is new; returns the ids of the new rows as `workspace/id`. */
  abstract insert(db: Queryable, inferences: readonly Inference[]): Promise<Set<string>>;
  /** Adds sums to their minutes. The rollups must be sorted by key (rollUp does). */
  abstract addRollups(db: Queryable, rollups: readonly MinuteRollup[]): Promise<void>;
  abstract find(db: Queryable, workspace: string, id: string): Promise<Inference | undefined>;
  abstract list(
    db: Queryable,
    filter: { workspace: string; endpoint?: string; rolloutId?: string },
    page: { before?: { requestTime: string; id: string }; size: number },
  ): Promise<Inference[]>;
  abstract rollups(db: Queryable, query: RollupQuery): Promise<MinuteRollup[]>;
}
