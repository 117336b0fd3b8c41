// SPDX-License-Identifier: Apache-2.0
import type { Queryable, Transaction } from '#libs/persistence';
import type { Deployment } from './deployment';

/** A version that somebody wants on a backend. */
export interface WantedDeployment {
  workspace: string;
  modelName: string;
  version: number;
  manifestDigest: string;
  backendUrl: string;
}

/** A row that this process works on until the lease ends. */
export interface ClaimedDeployment extends Deployment {
  task: 'load' | 'unload';
  /** Rises with each claim: a holder whose lease ran out cannot write any more. */
  leaseToken: string;
}

export interface DeploymentPage {
  deployments: Deployment[];
  nextPageToken: string;
}

/** Store of deployment intents. */
export abstract class DeploymentsRepository {
  /** Records the intent; gives the state afterwards. 'ready' = it is there already. */
  abstract want(tx: Transaction, wanted: WantedDeployment): Promise<'ready' | 'pending'>;
  /** Lets go of versions of a model that no endpoint and no running rollout uses; unloaded after `drainSeconds`. */
  abstract releaseUnused(tx: Transaction, workspace: string, modelName: string, drainSeconds: number): Promise<void>;
  /** Claims due rows under a lease: at most `count`, none that another live lease holds. */
  abstract claimDue(db: Queryable, claim: { count: number; leaseSeconds: number }): Promise<ClaimedDeployment[]>;
  /** Ends a claim well. False when the lease was lost or the intent changed meanwhile: then nothing else may be done about it. */
  abstract succeed(tx: Transaction, claimed: ClaimedDeployment): Promise<boolean>;
  /** Ends a claim badly; the next try comes after `retryInMs`. False when the lease was lost. */
  abstract fail(tx: Transaction, claimed: ClaimedDeployment, failure: { problem: string; retryInMs: number }): Promise<boolean>;
  /** Ready deployments by backend, that have been ready for a while. */
  abstract listReady(db: Queryable): Promise<Deployment[]>;
  /** A backend has lost it: load again. False when somebody noticed before. */
  abstract markLost(tx: Transaction, deployment: Deployment): Promise<boolean>;
  abstract list(
    db: Queryable,
    workspace: string,
    page: { size: number; token: string; modelName: string },
  ): Promise<DeploymentPage>;
}
