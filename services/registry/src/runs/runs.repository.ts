// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { LifecycleStage, Tag, ViewType } from '../experiments/experiment';
import type { FilterClause } from '../mlflow/filter';
import type { OrderBy } from '../mlflow/order-by';
import type { DatasetInput, Metric, Param, Run, RunInfo } from './run';

export interface RunSearch {
  experimentIds: string[];
  view: ViewType;
  clauses: FilterClause[];
  orderBy: OrderBy[];
  limit: number;
  bytesMax: number;
  pageToken: string;
}

export interface MetricHistoryQuery {
  runId: string;
  key: string;
  /** Absent = as many as a page has at most. */
  limit?: number;
  pageToken: string;
}

export interface MetricSampleQuery {
  runIds: string[];
  key: string;
  /** Most points per run; they are spread evenly, with the first and the last. */
  pointsMax: number;
  steps?: { first: number; last: number };
}

/** Runs of a workspace, with what was logged to them. */
export abstract class RunsRepository {
  /** False when a run with that id exists already. */
  abstract insert(tx: Transaction, workspace: string, run: RunInfo): Promise<boolean>;
  abstract find(db: Queryable, workspace: string, runId: string): Promise<Run | undefined>;
  abstract findInfo(db: Queryable, workspace: string, runId: string): Promise<RunInfo | undefined>;
  /** As `findInfo`, held against other changes of the run's own row until the transaction ends. */
  abstract lock(tx: Transaction, workspace: string, runId: string): Promise<RunInfo | undefined>;
  abstract update(tx: Transaction, workspace: string, run: RunInfo): Promise<void>;
  abstract setStage(tx: Transaction, workspace: string, runId: string, stage: LifecycleStage): Promise<void>;
  /** Appends values (a value logged twice is one) and moves the newest ones on. */
  abstract addMetrics(tx: Transaction, workspace: string, runId: string, metrics: readonly Metric[]): Promise<void>;
  /** Writes new params; returns those that are there with another value. */
  abstract addParams(
    tx: Transaction,
    workspace: string,
    runId: string,
    params: readonly Param[],
  ): Promise<{ key: string; oldValue: string; newValue: string }[]>;
  abstract setTags(tx: Transaction, workspace: string, runId: string, tags: readonly Tag[]): Promise<void>;
  abstract deleteTag(tx: Transaction, workspace: string, runId: string, key: string): Promise<boolean>;
  abstract addInputs(tx: Transaction, workspace: string, runId: string, inputs: readonly DatasetInput[]): Promise<void>;
  abstract search(db: Queryable, workspace: string, search: RunSearch): Promise<{ runs: Run[]; nextPageToken: string }>;
  abstract metricHistory(
    db: Queryable,
    workspace: string,
    query: MetricHistoryQuery,
  ): Promise<{ metrics: Metric[]; nextPageToken: string }>;
  abstract sampleMetrics(db: Queryable, workspace: string, query: MetricSampleQuery): Promise<(Metric & { runId: string })[]>;
}
