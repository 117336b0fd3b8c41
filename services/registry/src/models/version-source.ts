// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../registry.errors';

/** `models:/name/3` or `models:/name@alias`, taken apart. */
export interface RegisteredSource {
  name: string;
  version?: number;
  alias?: string;
}

/** The registered version that a source names, or undefined when the source is something else. */
export function parseRegisteredSource(source: string): RegisteredSource | undefined {
  if (!source.startsWith('models:')) return undefined;
  const match = /^models:\/(?:([^/@]+)\/(\d+)|([^/@]+)@([\w-]+))$/.exec(source);
  if (!match) throw ownerMissing(source, 'model_id');
  if (match[1] !== undefined) return { name: match[1], version: Number(match[2]) };
  return { name: match[3], alias: match[4] };
}

/** Sources from outside: `runs:/<run>/...` only of the run that is named, no way out of a root, no local or proxied place. */
export function checkSource(source: string, run: { id: string; artifactUri: string } | undefined, runId: string): void {
  const plain = unquoted(source);
  if (plain.includes('\0') || plain.split(/[/\\]/).includes('..')) {
    throw invalidParameter(
      `Invalid model version source: '${source}'. If supplying a source as an http, https, local file path, ftp, objectstore, ` +
        'or mlflow-artifacts uri, an absolute path must be provided without relative path references present. ' +
        'Please provide an absolute path.',
    );
  }
  const [, scheme = ''] = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(plain) ?? [];
  if (scheme === 'runs') {
    if (runId !== '' && run && /^runs:\/([^/]+)(\/|$)/.exec(plain)?.[1] === runId) return;
    throw ownerMissing(source, 'run_id');
  }
  if (scheme === 'mlflow-artifacts' || /\/api\/2\.0\/mlflow-artifacts\/artifacts\//.test(plain)) {
    if (run && isBelow(plain, run.artifactUri)) return;
    throw ownerMissing(source, 'run_id');
  }
  if (scheme === '' || scheme === 'file') {
    throw invalidParameter(
      `Invalid model version source: '${source}'. To use a local path as a model version source, the run_id request parameter ` +
        'has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id.',
    );
  }
}

function ownerMissing(source: string, parameter: string): Error {
  return invalidParameter(
    `Invalid model version source: '${source}'. The ${parameter} request parameter must identify the resource that contains the source.`,
  );
}

function isBelow(uri: string, root: string): boolean {
  return uri === root || uri.startsWith(`${root}/`);
}

// Until nothing changes: what is decoded twice further on must not turn into a way out.
function unquoted(text: string): string {
  for (let round = 0; round < 10; round += 1) {
    let decoded: string;
    try {
      decoded = decodeURIComponent(text);
    } catch (error) {
      if (error instanceof URIError) return text;
      throw error;
    }
    if (decoded === text) return text;
    text = decoded;
  }
  return text;
}
