// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from 'node:timers/promises';
import { serviceNames, type ProcessName, type ServiceName } from '../local/processes';
import { knownGroups } from '../scripts/consumers';
import type { Ran } from './tools';

const SETTLED_MS_MAX = 240_000;

/** Variables of the containers, as the manifests give them. */
export interface Environments {
  processes: Record<ProcessName, Record<string, string>>;
  jobs: Record<'migrate' | 'topics', Record<string, string>>;
}

type Run = (args: string[], env: Record<string, string>) => Promise<Ran>;

/** One command of docs/deployment.md: what is run in which container, and what it prints once everything is settled. */
interface Command {
  args: string[];
  /** Container whose variables it has. */
  within: ServiceName | 'migrate' | 'topics';
  prints: RegExp[];
}

/** The commands of the runbooks in the form that they have in the image. */
const COMMANDS: Command[] = [
  { args: ['topics'], within: 'topics', prints: [/topics are as declared$/m] },
  {
    args: ['consumers', 'list'],
    within: 'monitoring',
    // Each group that the code knows has its one member, and nothing waits.
    prints: [...knownGroups().keys()].map((group) => new RegExp(`^${group.replaceAll('.', '\\.')} +1 +0 `, 'm')),
  },
  {
    args: ['consumers', 'lag', '--group', 'monitoring.feedback'],
    within: 'registry',
    prints: [/^monitoring\.feedback +feedback\.v1 +5 +(\d+|-) +0 +0 +0$/m],
  },
  {
    args: ['outbox', 'status', '--service', 'monitoring'],
    within: 'monitoring',
    prints: [/^monitoring +0 +0 s +millrace-monitoring-relay at .+ -$/m],
  },
  {
    args: ['outbox', 'status'],
    within: 'migrate',
    prints: serviceNames.map((name) => new RegExp(`^${name} +0 +0 s +millrace-${name}-relay at .+ -$`, 'm')),
  },
  { args: ['dlq', 'list', '--service', 'monitoring'], within: 'monitoring', prints: [/^No dead letters\.$/m] },
  { args: ['dlq', 'list'], within: 'migrate', prints: [/^No dead letters\.$/m] },
];

/** Runs each command as `kubectl exec` and `docker compose run` would; throws for the first that does not say what it should. */
export async function checkCommands(run: Run, environments: Environments): Promise<string[]> {
  const variables = { ...environments.processes, ...environments.jobs };
  for (const { args, within, prints } of COMMANDS) {
    let said = '';
    const isSaid = async (): Promise<boolean> => {
      const { code, stdout, stderr } = await run(args, variables[within]);
      said = `${stdout}${stderr}(ended with ${code})`;
      return code === 0 && prints.every((expected) => expected.test(stdout));
    };
    // A member may still be joining its group.
    for (const end = Date.now() + SETTLED_MS_MAX; !(await isSaid()); await delay(500)) {
      const missing = prints.filter((expected) => !expected.test(said));
      if (Date.now() > end) throw new Error(`${args.join(' ')} in ${within} did not print ${missing.join(', ')}:\n${said}`);
    }
  }
  await checkToken(run, variables.registry);
  return [`commands: ${COMMANDS.map(({ args, within }) => `${args.join(' ')} (${within})`).join(', ')}, token (registry)`];
}

/** The token that is printed opens a door that is closed without it. */
async function checkToken(run: Run, env: Record<string, string>): Promise<void> {
  const { code, stdout, stderr } = await run(['token', '--subject', 'you@example.org', '--role', 'viewer'], env);
  const ask = async (headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${env.HTTP_PORT}/api/v1/models`, { headers });
    await response.text();
    return response.status;
  };
  const answers = [await ask({}), await ask({ authorization: `Bearer ${stdout.trim()}` })];
  if (code !== 0 || answers.join() !== '401,200')
    throw new Error(`token ended with ${code}, and a door answers ${answers.join()} without and with it:\n${stdout}${stderr}`);
}
