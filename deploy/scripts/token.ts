// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { assertWorkspaceName, mintToken, parsePlatformKey, ROLES, type Role } from '#libs/auth';

/** A mistake on the command line; the message is for people. */
export class TokenUsageError extends Error {}

export const usage = `npm run token -- --subject <who> [options]
  --subject <who>          such as you@example.org
  --role <role>            viewer, editor (default), approver or admin
  --workspace <name>       default: default; '*' = every workspace
  --hours <n>              how long it is valid (default 24, at most 8760)
  --home <folder>          platform whose key signs it (default MILLRACE_HOME or .millrace); AUTH_SIGNING_KEY wins`;

export interface TokenOptions {
  subject: string;
  role: Role;
  workspace: string;
  hours: number;
  home: string;
}

/** Reads the command line; throws TokenUsageError naming the flag. */
export function parseTokenOptions(argv: string[], env: NodeJS.ProcessEnv): TokenOptions {
  const { values } = readFlags(argv);
  const subject = values.subject ?? '';
  if (!/^[^\s:]{1,200}$/.test(subject))
    throw new TokenUsageError('--subject: say who, without spaces or ":" (those are services)');
  const role = values.role ?? 'editor';
  if (!ROLES.includes(role as Role)) throw new TokenUsageError(`--role: ${JSON.stringify(role)} is none of ${ROLES.join(', ')}`);
  const workspace = values.workspace ?? 'default';
  if (workspace !== '*') checkWorkspace(workspace);
  const hours = Number(values.hours ?? '24');
  if (!(hours > 0 && hours <= 8760)) throw new TokenUsageError('--hours: must be more than 0 and at most 8760');
  return { subject, role: role as Role, workspace, hours, home: resolve(values.home ?? env.MILLRACE_HOME ?? '.millrace') };
}

/** The signed token. */
export async function makeToken(options: TokenOptions, env: NodeJS.ProcessEnv): Promise<string> {
  const key = parsePlatformKey(env.AUTH_SIGNING_KEY ?? keyOfHome(options.home));
  return mintToken(key, {
    subject: options.subject,
    roles: { [options.workspace]: options.role },
    expiresInSeconds: Math.round(options.hours * 3600),
  });
}

function keyOfHome(home: string): string {
  const file = join(home, 'secrets.json');
  if (!existsSync(file))
    throw new TokenUsageError(`${home} holds no platform: start it once with npm start, or give --home or AUTH_SIGNING_KEY`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { signingKey: string }).signingKey;
}

function checkWorkspace(name: string): void {
  try {
    assertWorkspaceName(name);
  } catch (error) {
    throw new TokenUsageError(`--workspace: ${(error as Error).message}`);
  }
}

function readFlags(argv: string[]) {
  try {
    return parseArgs({
      args: argv,
      options: {
        subject: { type: 'string' },
        role: { type: 'string' },
        workspace: { type: 'string' },
        hours: { type: 'string' },
        home: { type: 'string' },
      },
    });
  } catch (error) {
    throw new TokenUsageError((error as Error).message);
  }
}

async function main(): Promise<void> {
  try {
    const token = await makeToken(parseTokenOptions(process.argv.slice(2), process.env), process.env);
    process.stdout.write(`${token}\n`);
  } catch (error) {
    if (!(error instanceof TokenUsageError) && !(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n\n${usage}\n`);
    process.exitCode = 2;
  }
}

// Run directly and through deploy/local/start.mjs (which imports it), but not when a spec loads it.
if (process.argv[1] === __filename) void main();
