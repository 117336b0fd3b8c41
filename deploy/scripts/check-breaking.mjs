// SPDX-License-Identifier: Apache-2.0
// Part of npm run proto:check: proto/ against the main branch, by buf's WIRE_JSON rules. Compared with origin/main where that is another
// commit, else with the commit before this one.
import { execFileSync, spawnSync } from 'node:child_process';

const git = (...args) => spawnSync('git', args, { encoding: 'utf8' });
const commitOf = (ref) => {
  const found = git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
  return found.status === 0 ? found.stdout.trim() : undefined;
};
const head = commitOf('HEAD');
const base = ['origin/main', 'HEAD~1'].map(commitOf).find((commit) => commit !== undefined && commit !== head);
if (base === undefined || git('cat-file', '-e', `${base}:proto/buf.yaml`).status !== 0) {
  process.stdout.write('no earlier proto/ to compare with\n');
  process.exit(0);
}
execFileSync('node_modules/.bin/buf', ['breaking', 'proto', '--against', `.git#ref=${base},subdir=proto`], { stdio: 'inherit' });
process.stdout.write(`no breaking change against ${base.slice(0, 12)}\n`);
