// SPDX-License-Identifier: Apache-2.0
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '#libs/testing';

const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: projectRoot(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

/** What the services are made of: a commit that touches nothing of it is the same program. */
const PRODUCT = ['services', 'libs', 'proto', 'package-lock.json', ':!**/*spec.ts', ':!**/test/**', ':!**/bench/**', ':!**/*.md'];

/** The program before the last commit that changed it (or `MILLRACE_OLD_REVISION`), or why there is none. */
export function previousCommit(): { commit: string } | { reason: string } {
  const { MILLRACE_OLD_REVISION: named } = process.env;
  const changed = named === undefined ? git('log', '-1', '--format=%H', 'HEAD', '--', ...PRODUCT) : '';
  const revision = named ?? `${changed}~1`;
  try {
    return { commit: git('rev-parse', '--verify', `${revision}^{commit}`) };
  } catch {
    return { reason: `git knows no ${revision}: a shallow clone, a first commit, or no repository` };
  }
}

/** How the present program differs from that commit, as git says it in one line. Never empty: then it would be the same one. */
export function differenceFrom(commit: string): string {
  const difference = git('diff', '--shortstat', commit, '--', ...PRODUCT);
  if (difference === '') throw new Error(`commit ${commit} has the same program`);
  return difference;
}

/** Compiles a commit with the present packages, once; gives its `dist` folder. Traffic goes on meanwhile in this process. */
export async function buildOf(commit: string): Promise<string> {
  const root = projectRoot();
  const folder = join(root, '.cache', 'old-builds', commit);
  const dist = join(folder, 'dist');
  if (existsSync(join(dist, '.built'))) return dist;
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 1 << 30 });
    execFileSync('tar', ['x', '-C', draft], { input: archive });
    symlinkSync(join(root, 'node_modules'), join(draft, 'node_modules'));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    // Types were checked when the commit was made.
    await promisify(execFile)(process.execPath, [compiler, '-p', 'tsconfig.json', '--noCheck'], { cwd: draft }).catch(
      ({ stdout, message }: Error & { stdout?: string }) => {
        throw new Error(`commit ${commit} does not compile: ${(stdout || message).slice(0, 2_000)}`);
      },
    );
    mkdirSync(join(draft, 'dist/.built'));
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return dist;
}
