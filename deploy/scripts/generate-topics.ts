// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { listTopics } from '#libs/contracts';
import { runCli } from './cli';

const FILE = join('deploy', 'kafka', 'topics.yaml');
const HEADER = `# SPDX-License-Identifier: Apache-2.0
# Generated from libs/contracts/src/topics.ts by npm run topics:gen: for operators who create topics with tools of their own.
`;

/** The topics as YAML, in the order of the registry. */
export function topicsYaml(): string {
  const topics = listTopics().map(({ name, owner, key, partitions, retentionDays, ordering, consumers, about }) => ({
    name,
    about,
    owner,
    key,
    ordering,
    partitions,
    config: { 'retention.ms': retentionDays * 24 * 60 * 60 * 1_000, 'cleanup.policy': 'delete' },
    consumers: [...consumers],
  }));
  return HEADER + stringify({ topics }, { lineWidth: 130, singleQuote: true });
}

async function generate(argv: string[]): Promise<void> {
  const wanted = topicsYaml();
  if (!argv.includes('--check')) return writeFileSync(FILE, wanted);
  if (readFileSync(FILE, 'utf8') === wanted) return;
  process.stderr.write(`${FILE} is out of date: run npm run topics:gen\n`);
  process.exitCode = 1;
}

if (process.argv[1] === __filename) void runCli('npm run topics:gen -- [--check]', generate);
