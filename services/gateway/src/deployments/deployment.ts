// SPDX-License-Identifier: Apache-2.0

export type DeploymentState = 'pending' | 'loading' | 'ready' | 'failed' | 'draining' | 'unloaded';

/** The intent that a version is loaded on a backend, and how far that is. */
export interface Deployment {
  workspace: string;
  /** Model id on the backend. */
  id: string;
  backendUrl: string;
  modelName: string;
  version: number;
  manifestDigest: string;
  state: DeploymentState;
  /** Tries since the last success. */
  attempts: number;
  problem: string;
  createTime: Date;
  updateTime: Date;
}

/**
 * Deterministic id of a version on a backend, so that a repeated load is the same load. Backends know no workspaces: outside
 * `default` the name carries it. Neither part can hold a ":".
 */
export function deploymentId(workspace: string, modelName: string, version: number): string {
  const name = `${modelName}-v${version}`;
  return workspace === 'default' ? name : `${workspace}:${name}`;
}

const BACK_OFF_FIRST_MS = 500;
const BACK_OFF_MAX_MS = 30_000;

/** Wait after the nth failed try (from 1): doubles from 0.5 s to 30 s, less up to a quarter so that many do not come at once. */
export function backOffMs(attempts: number, random: () => number): number {
  const full = Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(attempts - 1, 16));
  return Math.round(full * (1 - random() / 4));
}
