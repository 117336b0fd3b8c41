// SPDX-License-Identifier: Apache-2.0
// Runs every bench at small scale, one after the other, so that they do not rot: counts must be right, figures are not judged.
// Run: npm run bench:smoke
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const benches = ['ingest', 'rpc', 'outbox', 'feedback', 'start'];
const SECONDS_MAX = 180;

interface Report {
  figures: { name: string; value: number; unit: string; ratio?: number }[];
  faults: string[];
}

let failures = 0;
for (const bench of benches) {
  const startMs = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(__dirname, `bench-${bench}.js`), '--scale', 'small'], {
    encoding: 'utf8',
    timeout: SECONDS_MAX * 1000,
  });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (status === 0) {
    const { figures } = JSON.parse(stdout) as Report;
    const shown = figures.map(
      ({ name, value, unit, ratio }) => `${name} ${value} ${unit}${ratio === undefined ? '' : ` (ratio ${ratio})`}`,
    );
    process.stdout.write(`ok ${bench} (${seconds} s): ${shown.join('; ')}\n`);
  } else {
    failures += 1;
    process.stdout.write(`FAILED ${bench} (${seconds} s, status ${status}):\n${stdout}\n${stderr}\n`);
  }
}
process.exit(failures === 0 ? 0 : 1);
