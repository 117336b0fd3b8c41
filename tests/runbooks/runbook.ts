// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '#libs/testing';
import { Home } from '../../deploy/local/home';
import { processNames, serviceNames } from '../../deploy/local/processes';
import type { LaunchedPlatform } from '../support/launched-platform';

const run = promisify(execFile);

/** A ```sh block of a runbook with what the page says that it prints. */
export interface RunbookStep {
  /** File and line, for messages. */
  place: string;
  commands: string;
  /** From `> expect: <regular expression>` below the block. */
  expected?: RegExp;
}

/** The steps of docs/runbooks/<name>.md, in order. */
export function readRunbook(name: string): RunbookStep[] {
  const lines = readFileSync(join(projectRoot(), `docs/runbooks/${name}.md`), 'utf8').split('\n');
  const steps: RunbookStep[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    if (lines[index] !== '```sh') continue;
    const end = lines.indexOf('```', index);
    const expected = /^> expect: (.+)$/.exec(lines[end + 1] ?? '')?.[1];
    const commands = lines.slice(index + 1, end).join('\n');
    const place = `docs/runbooks/${name}.md:${index + 1}`;
    steps.push({ place, commands, ...(expected === undefined ? {} : { expected: new RegExp(expected, 'm') }) });
    index = end;
  }
  return steps;
}

/** Runs steps in order with these variables; fails at the first that fails or does not print what the page says. */
export async function follow(steps: readonly RunbookStep[], variables: Record<string, string>): Promise<void> {
  const { PATH, HOME } = process.env;
  const options = { cwd: projectRoot(), env: { PATH, HOME, ...variables }, timeout: 150_000 };
  for (const { place, commands, expected } of steps) {
    const { stdout, stderr } = await run('sh', ['-e', '-c', commands], options).catch((error: unknown) => {
      const said = error as { stdout: string; stderr: string };
      throw new Error(`${place} failed:\n${commands}\n${said.stdout}${said.stderr}`, { cause: error });
    });
    if (expected && !expected.test(stdout + stderr))
      throw new Error(`${place} did not print ${String(expected)}:\n${commands}\n${stdout}${stderr}`);
  }
}

/** Variables that the pages use, for a local platform. */
export function runbookVariables(platform: LaunchedPlatform): Record<string, string> {
  const { databaseUrls = {} } = new Home(platform.home).readState() ?? {};
  const upper = (name: string): string => name.replaceAll('-', '_').toUpperCase();
  return {
    ...Object.fromEntries(serviceNames.map((name) => [`${upper(name)}_DATABASE_URL`, databaseUrls[name]])),
    ...Object.fromEntries(processNames.map((name) => [upper(name), platform.http(name)])),
    MILLRACE_HOME: platform.home,
  };
}

/** What a sender of `feedback.v1` says of an inference. */
export function feedbackAbout(id: string): string {
  const rater = { id: 'u-1', kind: 'human_end_user' };
  return JSON.stringify({ target: { kind: 'inference', id }, metric: 'correct', value: true, rater });
}

export function feedbackHeaders(eventId: string): Record<string, string> {
  return {
    ce_id: eventId,
    ce_source: '/spec',
    ce_specversion: '1.0',
    ce_type: 'millrace.feedback.v1',
    'content-type': 'application/json',
  };
}
