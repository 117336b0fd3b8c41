// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { FilterClause } from '../mlflow/filter';
import type { OrderBy } from '../mlflow/order-by';
import type { Experiment, LifecycleStage, Tag, ViewType } from './experiment';

export interface ExperimentSearch {
  view: ViewType;
  clauses: FilterClause[];
  orderBy: OrderBy[];
  limit: number;
  bytesMax: number;
  pageToken: string;
}

export interface NewExperiment {
  name: string;
  /** '' = the default place. */
  artifactLocation: string;
  tags: Tag[];
  nowMs: number;
}

/** Experiments of a workspace. The one called Default exists from the first look on. */
export abstract class ExperimentsRepository {
  /** Makes the Default experiment of the workspace unless it is there. */
  abstract ensureDefault(db: Queryable, workspace: string): Promise<void>;
  /** Undefined when the name is taken, also by one that another transaction is just making. */
  abstract create(tx: Transaction, workspace: string, experiment: NewExperiment): Promise<Experiment | undefined>;
  abstract find(db: Queryable, workspace: string, id: string, view?: ViewType): Promise<Experiment | undefined>;
  /** As `find`, held against changes until the transaction ends. */
  abstract lock(tx: Transaction, workspace: string, id: string, view?: ViewType): Promise<Experiment | undefined>;
  abstract findByName(db: Queryable, workspace: string, name: string): Promise<Experiment | undefined>;
  abstract search(
    db: Queryable,
    workspace: string,
    search: ExperimentSearch,
  ): Promise<{ experiments: Experiment[]; nextPageToken: string }>;
  /** Throws REGISTRY.EXPERIMENT_EXISTS for a taken name. */
  abstract rename(tx: Transaction, workspace: string, id: string, name: string): Promise<void>;
  /** Also moves every run of the experiment to that stage. */
  abstract setStage(tx: Transaction, workspace: string, id: string, stage: LifecycleStage): Promise<void>;
  abstract setTag(tx: Transaction, workspace: string, id: string, tag: Tag): Promise<void>;
  /** False when there was none. */
  abstract deleteTag(tx: Transaction, workspace: string, id: string, key: string): Promise<boolean>;
}
