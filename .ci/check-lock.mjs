// SPDX-License-Identifier: Apache-2.0
// The lock must install on Linux and macOS: every optional platform package that a locked package names is locked too,
// every entry has an integrity hash, and no entry names a registry.
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const faults = [];
for (const [path, entry] of Object.entries(packages)) {
  if (path === '') continue;
  if (!entry.integrity && !entry.link && !entry.inBundle) faults.push(`${path}: no integrity hash`);
  if (entry.resolved) faults.push(`${path}: names an address`);
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!/(linux|darwin)/.test(name)) continue;
    const found = Object.keys(packages).some((key) => key === `node_modules/${name}` || key.endsWith(`/node_modules/${name}`));
    if (!found) faults.push(`${path}: optional package ${name} is not locked`);
  }
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`${Object.keys(packages).length} locked packages, ${faults.length} faults\n`);
process.exit(faults.length === 0 ? 0 : 1);
