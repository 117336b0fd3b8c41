// SPDX-License-Identifier: Apache-2.0
// Entry of `npm start` and `npm run demo`: builds what is not built yet, then runs the compiled program.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const stamp = join(root, 'dist', '.built');
const [program, ...rest] = process.argv.slice(2);

function newestSource(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (entry.name.endsWith('.ts')) newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

function isStale() {
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  return ['services', 'libs', 'deploy', 'tests'].some((folder) => newestSource(join(root, folder)) > built);
}

if (existsSync(join(root, 'tsconfig.json')) && isStale()) {
  process.stderr.write('Building (once, some seconds)...\n');
  const build = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr], // standard output belongs to the program
  });
  if (build.status !== 0) {
    process.stderr.write('The build failed: see the messages above.\n');
    process.exit(1);
  }
  writeFileSync(stamp, '');
}

process.argv = [process.argv[0], join(root, 'dist', program), ...rest];
await import(pathToFileURL(join(root, 'dist', program)).href);
