// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Tag } from '../experiments/experiment';
import type { FilterClause } from '../mlflow/filter';
import type { OrderBy } from '../mlflow/order-by';
import type { ModelVersion, RegisteredModel } from './model';

export interface RegistrySearch {
  clauses: FilterClause[];
  orderBy: OrderBy[];
  limit: number;
  bytesMax: number;
  pageToken: string;
}

export interface NewModel {
  name: string;
  description?: string;
  tags: Tag[];
  nowMs: number;
}

/** Registered models of a workspace. */
export abstract class ModelsRepository {
  /** False when the name is taken. */
  abstract insert(tx: Transaction, workspace: string, model: NewModel): Promise<boolean>;
  abstract find(db: Queryable, workspace: string, name: string): Promise<RegisteredModel | undefined>;
  /** As `find`; changes of this model by others wait until the transaction ends. */
  abstract lock(tx: Transaction, workspace: string, name: string): Promise<RegisteredModel | undefined>;
  abstract search(
    db: Queryable,
    workspace: string,
    search: RegistrySearch,
  ): Promise<{ models: RegisteredModel[]; nextPageToken: string }>;
  abstract setDescription(tx: Transaction, workspace: string, name: string, description: string | undefined): Promise<void>;
  /** Throws REGISTRY.MODEL_EXISTS for a taken name. Versions, aliases, policies and history follow. */
  abstract rename(tx: Transaction, workspace: string, name: string, newName: string): Promise<void>;
  abstract delete(tx: Transaction, workspace: string, name: string): Promise<void>;
  abstract setTag(tx: Transaction, workspace: string, name: string, tag: Tag): Promise<void>;
  abstract deleteTag(tx: Transaction, workspace: string, name: string, key: string): Promise<void>;
  /** The next place in the order of the facts of that name; it goes on where the last model of the name ended. */
  abstract nextEventVersion(tx: Transaction, workspace: string, name: string): Promise<number>;
}

export type NewVersion = Omit<ModelVersion, 'version' | 'revision' | 'aliases' | 'stage' | 'creationMs' | 'lastUpdatedMs'> & {
  nowMs: number;
};

/** Versions of registered models. Deleted ones are never found. */
export abstract class VersionsRepository {
  /** Gives the next number of the model, under the lock of its row. */
  abstract insert(tx: Transaction, workspace: string, version: NewVersion): Promise<ModelVersion>;
  abstract find(db: Queryable, workspace: string, name: string, version: number): Promise<ModelVersion | undefined>;
  abstract findByJob(db: Queryable, workspace: string, jobId: string): Promise<ModelVersion | undefined>;
  /** Runs of the versions with that manifest digest. */
  abstract runsOfDigest(db: Queryable, workspace: string, manifestDigest: string): Promise<string[]>;
  /** Newest version of each stage, for several models at once, oldest number first. */
  abstract latest(db: Queryable, workspace: string, names: readonly string[]): Promise<ModelVersion[]>;
  /** Versions of one model, newest first, before `beforeVersion` (0 = from the newest): a page by number and by bytes. */
  abstract list(
    db: Queryable,
    workspace: string,
    name: string,
    page: { beforeVersion: number; limit: number; bytesMax: number },
  ): Promise<{ versions: ModelVersion[]; more: boolean }>;
  abstract search(
    db: Queryable,
    workspace: string,
    search: RegistrySearch,
  ): Promise<{ versions: ModelVersion[]; nextPageToken: string }>;
  abstract setDescription(tx: Transaction, workspace: string, version: ModelVersion, description: string): Promise<void>;
  /** Returns the versions of that stage that were archived to make room. */
  abstract setStage(
    tx: Transaction,
    workspace: string,
    version: ModelVersion,
    change: { stage: string; archiveOthers: boolean },
  ): Promise<number[]>;
  /** Soft: the number is never given again; source and run are blanked out. */
  abstract delete(tx: Transaction, workspace: string, version: ModelVersion): Promise<void>;
  abstract setTag(tx: Transaction, workspace: string, version: ModelVersion, tag: Tag): Promise<void>;
  abstract deleteTag(tx: Transaction, workspace: string, version: ModelVersion, key: string): Promise<void>;
}
