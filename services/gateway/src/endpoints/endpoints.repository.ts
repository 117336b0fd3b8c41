// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Endpoint } from './endpoint';

export interface EndpointPage {
  endpoints: Endpoint[];
  nextPageToken: string;
}

/** An endpoint whose version the registry has still to name. */
export interface ResolveTask {
  workspace: string;
  name: string;
  attempts: number;
}

/** Store of endpoints. */
export abstract class EndpointsRepository {
  abstract find(db: Queryable, workspace: string, name: string): Promise<Endpoint | undefined>;
  /** Locks the row until the transaction ends: every change of an endpoint, its rollout or its target begins here. */
  abstract lock(tx: Transaction, workspace: string, name: string): Promise<Endpoint | undefined>;
  /** Locks all endpoints that follow the alias, by name. */
  abstract lockFollowers(tx: Transaction, workspace: string, modelName: string, alias: string): Promise<Endpoint[]>;
  /** Locks all endpoints for which this version is pending on this backend, by name. */
  abstract lockWaiting(
    tx: Transaction,
    deployment: { workspace: string; modelName: string; version: number; manifestDigest: string; backendUrl: string },
  ): Promise<Endpoint[]>;
  abstract list(db: Queryable, workspace: string, page: { size: number; token: string }): Promise<EndpointPage>;
  /** False when the name is taken. The registry is asked for its version at once. */
  abstract insert(tx: Transaction, endpoint: Endpoint): Promise<boolean>;
  /** Writes everything but the key and createTime. */
  abstract save(tx: Transaction, endpoint: Endpoint): Promise<void>;
  abstract delete(tx: Transaction, workspace: string, name: string): Promise<void>;
  /** Claims endpoints that wait for the registry; each comes again after `againInSeconds` unless `resolved` is called. */
  abstract claimUnresolved(db: Queryable, claim: { count: number; againInSeconds: number }): Promise<ResolveTask[]>;
  abstract resolved(tx: Transaction, workspace: string, name: string): Promise<void>;
  /** Notes what went wrong and when to ask again. */
  abstract resolveLater(db: Queryable, task: ResolveTask, again: { problem: string; inMs: number }): Promise<void>;
}
