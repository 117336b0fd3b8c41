// SPDX-License-Identifier: Apache-2.0
// Known vulnerabilities of what runs in production. Exit 0: none of severity high or above; 1: some; 3: the registry could not be asked.
import { spawnSync } from 'node:child_process';

const asked = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
let report;
try {
  report = JSON.parse(asked.stdout);
} catch {
  report = { message: `npm audit said nothing readable (exit ${asked.status})` };
}
const counts = report.metadata?.vulnerabilities;
if (!counts) {
  process.stdout.write(`not asked: ${report.message ?? report.error?.summary ?? 'the registry gave no report'}\n`);
  process.exit(3);
}
for (const { name, severity, via } of Object.values(report.vulnerabilities)) {
  const reasons = via.map((cause) => (typeof cause === 'string' ? cause : cause.title));
  process.stdout.write(`${severity} ${name}: ${reasons.join('; ')}\n`);
}
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(counts.high + counts.critical > 0 ? 1 : 0);
