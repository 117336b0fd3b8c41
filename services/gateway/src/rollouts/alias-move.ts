// SPDX-License-Identifier: Apache-2.0
import type { Endpoint, Version } from '../endpoints/endpoint';
import type { Rollout } from './rollout';

/** A version that an endpoint shall serve from now on. */
export interface AliasTarget extends Version {
  /** True: no rollout, serve as soon as it is loaded (a rollback that the registry carried out). */
  direct: boolean;
}

/** What an endpoint does about a target. */
export interface AliasPlan {
  /** End the running rollout: superseded. */
  supersede: boolean;
  /** What is pending afterwards. */
  pending: Version | undefined;
  pendingDirect: boolean;
}

/**
 * First version: load and serve. Another one: load, then a rollout. A move back to what serves, or to what is being tried,
 * starts nothing; whatever else was under way is replaced.
 */
export function planAliasMove(endpoint: Endpoint, running: Rollout | undefined, target: AliasTarget): AliasPlan {
  const version: Version = { version: target.version, manifestDigest: target.manifestDigest };
  if (endpoint.serving && sameVersion(endpoint.serving, version)) {
    return { supersede: running !== undefined, pending: undefined, pendingDirect: false };
  }
  if (running && sameVersion(running.candidate, version) && !target.direct) {
    return { supersede: false, pending: undefined, pendingDirect: false };
  }
  return { supersede: running !== undefined, pending: version, pendingDirect: target.direct };
}

export function sameVersion(a: Version, b: Version): boolean {
  return a.version === b.version && a.manifestDigest === b.manifestDigest;
}
