// SPDX-License-Identifier: Apache-2.0
// Checks docs/failure-modes.md and docs/security.md: each row of their tables names at least one test, as `file`: name of the test, and both exist.
// What .ci/run runs as a script of its own stands as `npm run script`: what it shows. A fault of the fault suite stands as
// `npm run test:faults -- --only F1`: its title. Several tests of one row stand in one cell, separated by <br>. Fails with the line of
// each row that claims what nothing proves. Needs the built tree: that is where the faults are read from.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** Documents, with the columns of their tables; the last one names the tests. */
const DOCUMENTS = { 'docs/failure-modes.md': 6, 'docs/security.md': 3 };

const { allFaults } = createRequire(import.meta.url)('../../dist/tests/faults/all-faults.js');

/** Names stand in single, double or back quotes in a spec; a quote in a name may be escaped there. */
function names(source, name) {
  return [name, name.replaceAll("'", "\\'")].some((text) =>
    ["'", '"', '`'].some((quote) => source.includes(`${quote}${text}${quote}`)),
  );
}

/** A script that CI does not run shows nothing. */
function problemsOfScript(script) {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!(script in scripts)) return [`package.json has no script ${script}`];
  const steps = readFileSync(join(root, '.ci/run'), 'utf8')
    .split('\n')
    .filter((line) => /^(TAIL=\d+ )?step /.test(line));
  const runs = steps.some((line) =>
    line
      .split(' npm run ')
      .slice(1)
      .some((rest) => rest.split(' ')[0] === script),
  );
  return runs ? [] : [`.ci/run does not run ${script}`];
}

/** The short form of the suite is what CI runs. */
function problemsOfFault(id, title) {
  const fault = allFaults.find((each) => each.id === id);
  if (!fault) return [`the fault suite has no ${id}`];
  if (fault.longOnly !== undefined) return [`.ci/run leaves out ${id}: ${fault.longOnly}`];
  if (fault.title !== title) return [`${id} is "${fault.title}", not "${title}"`];
  return problemsOfScript('test:faults');
}

function problemsOfTest(cell) {
  const fault = /^`npm run test:faults -- --only ([^`]+)`: (.+)$/.exec(cell.trim());
  if (fault) return problemsOfFault(fault[1], fault[2]);
  const script = /^`npm run ([\w:-]+)`: ./.exec(cell.trim())?.[1];
  if (script !== undefined) return problemsOfScript(script);
  const found = /^`([^`]+)`: (.+)$/.exec(cell.trim());
  if (!found) return [`"${cell.trim()}" is not of the form \`file\`: name of the test`];
  const [, file, name] = found;
  if (!/\.(spec|e2e-spec|kafka-spec)\.ts$|-contract\.ts$/.test(file)) return [`${file} is no file of tests`];
  if (!existsSync(join(root, file))) return [`${file} does not exist`];
  return names(readFileSync(join(root, file), 'utf8'), name) ? [] : [`${file} has no test "${name}"`];
}

function problemsOfRow(row, columns) {
  const cells = row.slice(1, -1).split(' | ');
  if (cells.length !== columns) return [`has ${cells.length} cells instead of ${columns}`];
  return cells[columns - 1].split('<br>').flatMap(problemsOfTest);
}

let failed = false;
for (const [document, columns] of Object.entries(DOCUMENTS)) {
  const rows = readFileSync(join(root, document), 'utf8')
    .split('\n')
    .map((text, index) => ({ text: text.trim(), line: index + 1 }))
    .filter(({ text }) => text.startsWith('| ') && !/^\| (fault|attack|---)/.test(text));
  const problems = rows.flatMap(({ text, line }) =>
    problemsOfRow(text, columns).map((problem) => `${document}:${line}: ${problem}`),
  );
  if (rows.length === 0) problems.push(`${document} has no rows`);
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) failed = true;
  else process.stdout.write(`${document}: ${rows.length} rows, each with a test that exists.\n`);
}
if (failed) process.exit(1);
