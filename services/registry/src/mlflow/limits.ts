// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../registry.errors';

/** Limits of the stock MLflow server (wire/mlflow.md): a client may rely on each of them. */
export const limits = {
  entitiesPerBatch: 1000,
  metricsPerBatch: 1000,
  paramsOrTagsPerBatch: 100,
  keyCharacters: 250,
  paramValueCharacters: 6000,
  runTagValueCharacters: 8000,
  experimentTagValueCharacters: 20_000,
  experimentNameCharacters: 500,
  registryTagValueCharacters: 100_000,
  aliasCharacters: 255,
  modelNameCharacters: 256,
  runIdCharacters: 256,
  datasetNameCharacters: 500,
  datasetDigestCharacters: 36,
  datasetSourceCharacters: 65_535,
  datasetSchemaCharacters: 1_048_575,
  datasetProfileCharacters: 16_777_215,
} as const;

/**
 * Limits of our own: the stock server has none, and each clause and each sort key is one more table of the statement, over whose order
 * the database broods for minutes where there are thousands.
 */
export const searchLimits = { filterCharacters: 50_000, clauses: 100, orderByKeys: 20 } as const;

/**
 * Most UTF-8 bytes of a page of a search, beyond those of its first row: a row may have megabytes, and pages must fit into memory.
 * MLflow's clients go on by the token of a page that is shorter than they asked for; gRPC clients take 4 MiB by default.
 */
export const pageBytesMax = { mlflow: 8 * 1024 * 1024, grpc: 3 * 1024 * 1024 } as const;

/** `'key' exceeds the maximum length of 250 characters` */
export function checkLength(what: string, value: string, charactersMax: number): void {
  if ([...value].length > charactersMax) {
    throw invalidParameter(`'${what}' exceeds the maximum length of ${charactersMax} characters`);
  }
}

/** How the stock server words a refused value; the value is JSON. */
export function invalidValue(path: string, value: unknown, why = ''): string {
  const text = `Invalid value ${JSON.stringify(value)} for parameter '${path}' supplied`;
  return why ? `${text}: ${why}` : `${text}.`;
}

/** As `invalidValue` for a missing one. */
export function missingValue(path: string): string {
  return `Missing value for required parameter '${path}'.`;
}

const NAME = /^[/\p{L}\p{N}_.\- :]*$/u;

/** Keys of params, metrics and tags: limited characters, and no path that would resolve to another one (`a//b`, `../x`). */
export function checkKey(key: string, path = 'key'): void {
  if (!NAME.test(key)) {
    const why =
      'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).';
    throw invalidParameter(invalidValue(path, key, why));
  }
  checkPathIsPlain(key, path);
}

/** Refuses names that, read as a file path, mean another name. */
export function checkPathIsPlain(name: string, path: string): void {
  const resolved = normalizePath(name);
  if (resolved !== name || resolved === '.' || resolved.startsWith('..') || resolved.startsWith('/')) {
    const why =
      'Names may be treated as files in certain cases, and must not resolve to other names' +
      ` when treated as such. This name would resolve to '${resolved}'`;
    throw invalidParameter(invalidValue(path, name, why));
  }
}

/** POSIX normpath: what Python's posixpath.normpath gives. */
function normalizePath(name: string): string {
  if (name === '') return '.';
  const absolute = name.startsWith('/');
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !absolute) parts.push(part);
  }
  return (absolute ? '/' : '') + parts.join('/') || '.';
}

/** Names of registered models: not blank, no slash or colon. */
export function checkModelName(name: string, path = 'name'): void {
  if (name.trim() === '') throw invalidParameter(missingValue(path));
  checkLength(path, name, limits.modelNameCharacters);
  if (/[/:]/.test(name)) throw invalidParameter(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`);
  checkPathIsPlain(name, 'name');
}

/** Alias names: letters, digits, dash and underscore; `latest` and `v<digits>` are reserved (only where `reserved` is refused). */
export function checkAliasName(alias: string, reserved: 'refuse' | 'allow' = 'refuse'): void {
  if (alias === '') throw invalidParameter('Registered model alias name cannot be empty.');
  if (!/^[\p{L}\p{N}_-]*$/u.test(alias)) {
    const rule = 'Names may only contain alphanumerics, underscores (_), and dashes (-).';
    throw invalidParameter(`Invalid alias name: '${alias}'. ${rule}`);
  }
  checkLength('Registered model alias name', alias, limits.aliasCharacters);
  if (reserved === 'allow') return;
  if (alias.toLowerCase() === 'latest') throw invalidParameter("'latest' alias name (case insensitive) is reserved.");
  if (/^[vV]\d+$/.test(alias)) throw invalidParameter(`Version alias name '${alias}' is reserved.`);
}

/** `"3"` -> 3, else the stock server's words. */
export function parseVersionNumber(version: string): number {
  const number = Number(version);
  if (!/^\s*[+-]?\d+\s*$/.test(version) || !Number.isSafeInteger(number)) {
    throw invalidParameter(`Parameter 'version' must be an integer, got '${version}'.`);
  }
  // Postgres integers end at 2^31 - 1; nothing above was ever given.
  return Math.min(Math.max(number, -1), 2_147_483_647);
}

/** Names of experiments. */
export function checkExperimentName(name: string): void {
  if (name === '') throw invalidParameter("Invalid experiment name: ''");
  if ([...name].length > limits.experimentNameCharacters) checkLength('name', name, limits.experimentNameCharacters);
}

/** `"5"` -> '5' (bigint as string), else the stock server's words. */
export function parseExperimentId(id: string): string {
  if (!/^\d{1,18}$/.test(id)) {
    throw invalidParameter(`Invalid experiment ID '${id}'. Experiment ID must be a valid integer.`);
  }
  return String(BigInt(id));
}

/** Run ids: a letter or digit, then up to 255 word characters or dashes. */
export function checkRunId(runId: string): void {
  if (!/^[a-zA-Z0-9][\p{L}\p{N}_-]{0,255}$/u.test(runId)) throw invalidParameter(invalidValue('run_id', runId));
}
