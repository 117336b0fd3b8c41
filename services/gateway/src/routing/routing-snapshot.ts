// SPDX-License-Identifier: Apache-2.0
import { bucketOf } from './sticky-assignment';

/** A version on a backend, ready to be called. */
export interface RouteTarget {
  modelName: string;
  version: number;
  manifestDigest: string;
  backendUrl: string;
  /** Model id on the backend. */
  deploymentId: string;
  /** False while the backend has not (or no longer) loaded it. */
  ready: boolean;
}

export interface RouteRollout {
  id: string;
  /** Share of users on the candidate, 0 to 100. */
  candidatePercent: number;
  candidate: RouteTarget;
}

/** What one endpoint does with a request. */
export interface EndpointRoute {
  name: string;
  captureBytesMax: number;
  timeoutSeconds: number;
  createTime: Date;
  /** What serves everybody outside the rollout; undefined while nothing does. */
  serving: RouteTarget | undefined;
  rollout: RouteRollout | undefined;
}

export interface KnownApiKey {
  id: string;
  workspace: string;
}

/**
 * Everything that a request needs to know, read at one moment. Never changed: a new one replaces it, and a request keeps the one
 * that it began with, so that no request ever sees half a change.
 */
export interface RoutingSnapshot {
  /** Rises with every change. */
  readonly revision: string;
  /** By workspace, then by endpoint name. */
  readonly endpoints: ReadonlyMap<string, ReadonlyMap<string, EndpointRoute>>;
  /** By sha256 of the secret, hex. */
  readonly apiKeys: ReadonlyMap<string, KnownApiKey>;
  /** Key of bucketOf and userHash. */
  readonly userHashKey: Buffer;
}

export type ChosenArm = 'none' | 'control' | 'candidate';

export interface ChosenTarget {
  target: RouteTarget;
  arm: ChosenArm;
  /** Empty outside a rollout. */
  rolloutId: string;
}

/**
 * Who answers: outside a rollout the serving version; in a rollout by the user's bucket, or by chance for a request without a user.
 * A candidate that its backend has lost is not tried: control answers, and the request counts for neither arm.
 */
export function chooseTarget(
  route: EndpointRoute,
  userHashKey: Buffer,
  user: string | undefined,
  random: () => number,
): ChosenTarget | undefined {
  const { serving, rollout } = route;
  if (!serving) return undefined;
  if (!rollout) return { target: serving, arm: 'none', rolloutId: '' };
  const bucket = user === undefined ? random() * 100 : bucketOf(userHashKey, rollout.id, user);
  if (bucket >= rollout.candidatePercent) return { target: serving, arm: 'control', rolloutId: rollout.id };
  if (!rollout.candidate.ready) return { target: serving, arm: 'none', rolloutId: '' };
  return { target: rollout.candidate, arm: 'candidate', rolloutId: rollout.id };
}
