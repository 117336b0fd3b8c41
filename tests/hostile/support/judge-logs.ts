// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Home } from '../../../deploy/local/home';
import { processNames } from '../../../deploy/local/processes';
import { SENT_SECRETS, secretsOfPlatform } from '../../support/platform-secrets';
import { SecretScan } from '../isolation/secret-scan';

/** What a platform said while it was attacked. */
export interface PlatformLogs {
  /** Of the launcher, which restarts what ends. */
  output: string;
  /** By process, from its start. */
  logs: Record<string, string>;
}

/** A line at error or fatal that hostile input may cause. */
export interface ExpectedLine {
  /** The message, which is a constant. */
  message: string;
  isExpectedCode: (code: string) => boolean;
  /** Why it is no fault of ours. */
  reason: string;
}

interface Entry {
  level?: unknown;
  msg?: unknown;
  code?: unknown;
}

const SERIOUS = new Set<unknown>(['error', 'fatal', 50, 60]);
const LINE_LENGTH_MAX = 1200;

/** Secrets, processes that ended or were started again, lines at error or fatal, in this order. Empty when all is well. */
export function faultsInLogs(
  { output, logs }: PlatformLogs,
  secrets: Record<string, string>,
  expected: readonly ExpectedLine[] = [],
): string[] {
  const ends = output.split('\n').filter((line) => /\b(ended with code|was killed by|refused its settings)\b/.test(line));
  const faults = ends.map((line) => `the launcher said: ${line}`);
  const serious: string[] = [];
  const scan = new SecretScan(secrets);
  scan.look('output of the launcher', output);
  for (const [name, log] of Object.entries(logs)) {
    scan.look(`log of ${name}`, log);
    const starts = log.split('"msg":"service started"').length - 1;
    if (starts !== 1) faults.push(`${name} was started ${starts} times`);
    const lines = log.split('\n').filter((line) => isSerious(line, expected));
    serious.push(...lines.map((line) => `${name} logged: ${line.slice(0, LINE_LENGTH_MAX)}`));
  }
  return [...scan.leaks, ...faults, ...serious];
}

/** The same for a platform that runs or has run in the folder `home`, with SECRET_SETTINGS; `used` are right secrets of callers. */
export function faultsOfPlatform(
  platform: { home: string; output: string },
  { used = {}, expected = [] }: { used?: Record<string, string>; expected?: readonly ExpectedLine[] } = {},
): string[] {
  const home = new Home(platform.home);
  const folder = join(platform.home, 'logs');
  const files = readdirSync(folder).filter((file) => file.endsWith('.log'));
  const logs = Object.fromEntries(files.map((file) => [basename(file, '.log'), readFileSync(join(folder, file), 'utf8')]));
  const silent = processNames.filter((name) => !logs[name]).map((name) => `${name} has no log`);
  const secrets = { ...secretsOfPlatform(home), ...SENT_SECRETS, ...used };
  return [...silent, ...faultsInLogs({ output: platform.output, logs }, secrets, expected)];
}

function isSerious(line: string, expected: readonly ExpectedLine[]): boolean {
  const entry = entryOf(line);
  if (!SERIOUS.has(entry?.level)) return false;
  return !expected.some((one) => one.message === entry?.msg && one.isExpectedCode(String(entry.code)));
}

function entryOf(line: string): Entry | undefined {
  // Most lines need no parsing: a fuzzed platform writes many.
  if (!/"level":\s*("(error|fatal)"|50|60)/.test(line)) return undefined;
  try {
    return JSON.parse(line) as Entry;
  } catch {
    // A line that was cut, or written past the logger, and that says it is serious: believed.
    return { level: 'error' };
  }
}
