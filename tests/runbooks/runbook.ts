// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '#libs/testing';

const run = promisify(execFile);

/** Programs of a page that a host of this test may lack, and words of the shell: commands all the same. */
const OTHER_PROGRAMS = ['docker', 'helm', 'kubectl', 'systemctl', 'journalctl', 'pg_dump', 'pg_restore', 'export', 'cd'];

/** A ```sh block of a runbook with what the page says that it prints. */
export interface RunbookStep {
  /** File and line, for messages. */
  place: string;
  commands: string;
  /** From `> expect: <regular expression>` below the block. */
  expected?: RegExp;
}

export interface Runbook {
  steps: RunbookStep[];
  /** Commands that stand where nobody executes them: in the text, or in a block of another kind. */
  strays: string[];
}

/** All pages, by name without `.md`. */
export function listRunbooks(): string[] {
  return readdirSync(join(projectRoot(), 'docs/runbooks')).map((file) => file.replace(/\.md$/, ''));
}

/** The steps of docs/runbooks/<name>.md, in order. */
export function readRunbook(name: string): RunbookStep[] {
  const path = `docs/runbooks/${name}.md`;
  return parseRunbook(readFileSync(join(projectRoot(), path), 'utf8'), path).steps;
}

export function parseRunbook(text: string, path: string): Runbook {
  const lines = text.split('\n');
  const steps: RunbookStep[] = [];
  const strays: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const place = `${path}:${index + 1}`;
    const line = lines[index];
    if (line === '```sh') {
      const end = lines.indexOf('```', index);
      if (end < 0) throw new Error(`${place}: the block does not end`);
      const expected = /^> expect: (.+)$/.exec(lines[end + 1] ?? '')?.[1];
      const commands = lines.slice(index + 1, end).join('\n');
      steps.push({ place, commands, ...(expected === undefined ? {} : { expected: new RegExp(expected, 'm') }) });
      index = end;
    } else if (/^\s*(```|~~~)|^( {4}|\t)\S/.test(line)) strays.push(`${place}: ${line}`);
    else for (const [, code] of line.matchAll(/`([^`]+)`/g)) if (isCommand(code)) strays.push(`${place}: ${code}`);
  }
  return { steps, strays };
}

/** Code in the text that somebody would type into a shell; names of settings, metrics and columns are not. */
function isCommand(code: string): boolean {
  const words = code.trim().split(/\s+/);
  const program = words.find((word) => !/^\w+=/.test(word)) ?? '';
  if (OTHER_PROGRAMS.includes(program)) return true;
  if (!/^[\w./-]+$/.test(program)) return false;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Follows pages and remembers which of their steps were done. */
export class RunbookFollower {
  private readonly done = new Set<string>();

  /**
   * Runs steps in order with these variables; fails at the first that fails or does not print what the page says. Returns what
   * each printed.
   */
  async follow(steps: readonly RunbookStep[], variables: Record<string, string>): Promise<string[]> {
    const { PATH, HOME } = process.env;
    const options = { cwd: projectRoot(), env: { PATH, HOME, ...variables }, timeout: 150_000 };
    const outputs: string[] = [];
    for (const { place, commands, expected } of steps) {
      const { stdout, stderr } = await run('sh', ['-e', '-u', '-c', commands], options).catch((error: unknown) => {
        const said = error as { stdout: string; stderr: string };
        throw new Error(`${place} failed:\n${commands}\n${said.stdout}${said.stderr}`, { cause: error });
      });
      if (expected && !expected.test(stdout + stderr))
        throw new Error(`${place} did not print ${String(expected)}:\n${commands}\n${stdout}${stderr}`);
      this.done.add(place);
      outputs.push(stdout);
    }
    return outputs;
  }

  /** Steps of these pages that nobody did. */
  undone(names: readonly string[]): string[] {
    return names.flatMap((name) => readRunbook(name).map(({ place }) => place)).filter((place) => !this.done.has(place));
  }
}
