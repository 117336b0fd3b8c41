// SPDX-License-Identifier: Apache-2.0
import { invalidFields, type FieldViolation } from '#libs/errors';
import { policyViolations, type RolloutRules } from '../rollouts/rollout-rules';

/** A registered version with the digest of its model manifest. */
export interface Version {
  version: number;
  manifestDigest: string;
}

/** Which version an endpoint wants: the one of an alias, or a fixed one. */
export type ModelReference = { modelName: string; alias: string } | { modelName: string; version: number };

/** A name that callers use as "model". */
export interface Endpoint {
  workspace: string;
  name: string;
  modelName: string;
  /** Undefined for an endpoint that is pinned to a version. */
  alias: string | undefined;
  pinnedVersion: number | undefined;
  backendUrl: string;
  /** Bytes of input and of output kept per event; 0 = off. */
  captureBytesMax: number;
  timeoutSeconds: number;
  rules: RolloutRules;
  /** Serves everybody outside a rollout. */
  serving: Version | undefined;
  /** Being loaded: becomes the candidate of a rollout, or (pendingDirect, or nothing serves yet) the serving version at once. */
  pending: Version | undefined;
  pendingDirect: boolean;
  /** The running rollout. */
  rolloutId: string | undefined;
  /** aggregate_version of the newest alias event that was applied; 0 = none. */
  aliasSequence: number;
  problem: string;
  /** Rises with each change of the configuration: the etag. */
  revision: number;
  createTime: Date;
  updateTime: Date;
}

export type EndpointState = 'waiting' | 'deploying' | 'serving' | 'rolling-out';

export function endpointState(endpoint: Pick<Endpoint, 'serving' | 'pending' | 'rolloutId'>): EndpointState {
  if (endpoint.rolloutId !== undefined) return 'rolling-out';
  if (endpoint.serving) return 'serving';
  return endpoint.pending ? 'deploying' : 'waiting';
}

/** "models:/name@alias" or "models:/name/3". */
export function modelUri(endpoint: Pick<Endpoint, 'modelName' | 'alias' | 'pinnedVersion'>): string {
  if (endpoint.alias !== undefined) return `models:/${endpoint.modelName}@${endpoint.alias}`;
  return `models:/${endpoint.modelName}/${endpoint.pinnedVersion}`;
}

const ALIAS_URI = /^models:\/([^/@:\s]{1,128})@([A-Za-z0-9_.-]{1,128})$/;
const VERSION_URI = /^models:\/([^/@:\s]{1,128})\/([1-9]\d{0,8})$/;

/** Throws COMMON.INVALID_ARGUMENT naming modelUri. */
export function parseModelUri(uri: string): ModelReference {
  const byAlias = ALIAS_URI.exec(uri);
  if (byAlias) return { modelName: byAlias[1], alias: byAlias[2] };
  const byVersion = VERSION_URI.exec(uri);
  if (byVersion) return { modelName: byVersion[1], version: Number(byVersion[2]) };
  throw invalidFields({ field: 'modelUri', message: 'must be models:/<name>@<alias> or models:/<name>/<version>' });
}

/** What a caller chooses. */
export interface EndpointOptions {
  captureBytesMax: number;
  timeoutSeconds: number;
  rules: RolloutRules;
}

export const CAPTURE_BYTES_DEFAULT = 4096;
export const CAPTURE_BYTES_MAX = 65_536;
export const TIMEOUT_SECONDS_DEFAULT = 120;
export const TIMEOUT_SECONDS_MAX = 3600;

/** Throws COMMON.INVALID_ARGUMENT naming every wrong field. */
export function checkEndpoint(name: string, options: EndpointOptions): void {
  const violations: FieldViolation[] = [];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) {
    violations.push({
      field: 'name',
      message: 'must be 1 to 128 letters, digits, ".", "_" or "-", starting with a letter or digit',
    });
  }
  checkRange(violations, 'captureBytesMax', options.captureBytesMax, [0, CAPTURE_BYTES_MAX]);
  checkRange(violations, 'timeoutSeconds', options.timeoutSeconds, [1, TIMEOUT_SECONDS_MAX]);
  violations.push(...policyViolations(options.rules));
  if (violations.length > 0) throw invalidFields(...violations);
}

function checkRange(violations: FieldViolation[], field: string, value: number, [min, max]: [number, number]): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  violations.push({ field, message: `must be a whole number from ${min} to ${max}` });
}

/** Normal form of a backend's base URL; throws COMMON.INVALID_ARGUMENT naming backendUrl. */
export function normalBackendUrl(text: string): string {
  if (!URL.canParse(text)) throw invalidFields({ field: 'backendUrl', message: 'must be a URL' });
  const url = new URL(text);
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!['http:', 'https:'].includes(url.protocol) || !plain) {
    throw invalidFields({
      field: 'backendUrl',
      message: 'must be http(s)://host[:port][/path] without credentials, query or fragment',
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
