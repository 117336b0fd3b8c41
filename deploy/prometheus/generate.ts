// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { dashboardJson, dashboards } from '../grafana/dashboards';
import { runCli } from '../scripts/cli';
import { ruleGroups, rulesFile, testsFile } from './rule-files';

const usage = `npm run observability:gen [-- --check]
Writes the Prometheus rules, their tests and the Grafana dashboards; --check only says whether they are current.`;

/** Every generated file by its path below the project root. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const group of ruleGroups()) {
    files.set(`deploy/prometheus/rules/${group.service}.yml`, rulesFile(group));
    files.set(`deploy/prometheus/rule-tests/${group.service}.yml`, testsFile(group));
  }
  for (const dashboard of dashboards()) files.set(`deploy/grafana/dashboards/${dashboard.uid}.json`, dashboardJson(dashboard));
  return files;
}

/** Those that are missing or differ from what the descriptions say. */
export function staleFiles(root: string): string[] {
  return [...generatedFiles()]
    .filter(([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), 'utf8') !== text)
    .map(([path]) => path);
}

async function generate(argv: string[]): Promise<void> {
  const { values } = parseArgs({ args: argv, options: { check: { type: 'boolean' } } });
  const root = process.cwd();
  const stale = staleFiles(root);
  if (values.check && stale.length > 0) throw new Error(`run npm run observability:gen; not current: ${stale.join(', ')}`);
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), generatedFiles().get(path) as string);
  }
  process.stdout.write(`${generatedFiles().size} files, ${values.check ? 'all current' : `${stale.length} written`}\n`);
}

if (process.argv[1] === __filename) void runCli(usage, generate);
