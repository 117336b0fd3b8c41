// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The identity Postgres runs under; empty means "as the current user". */
export interface RunAs {
  uid?: number;
  gid?: number;
}

/** Postgres refuses to run as root, so root hands over to `nobody`; everybody else runs it themselves. */
export function postgresIdentity(): RunAs {
  if (process.getuid?.() !== 0) return {};
  const line = passwdLines().find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}

/** Really asks the kernel whether that identity reaches `path` (mode bits alone miss ACLs and mount options). */
export function canReach(path: string, as: RunAs, flag: '-x' | '-r' | '-w' = '-x'): boolean {
  const result = spawnSync('/bin/sh', ['-c', `[ ${flag} "$1" ]`, 'sh', path], {
    ...as,
    stdio: 'ignore',
    env: {},
  });
  return result.status === 0;
}

function passwdLines(): string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // macOS keeps its users elsewhere
    throw error;
  }
}
