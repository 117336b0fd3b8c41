// SPDX-License-Identifier: Apache-2.0
import { Client } from 'pg';
import { Home } from '../../deploy/local/home';
import { processNames, serviceNames, type ProcessName } from '../../deploy/local/processes';
import type { LaunchedPlatform } from '../support/launched-platform';
import { processesBelow } from '../support/process-tree';

/** Variables that the pages use, for a local platform. */
export function runbookVariables(platform: LaunchedPlatform): Record<string, string> {
  const { databaseUrls = {} } = new Home(platform.home).readState() ?? {};
  const upper = (name: string): string => name.replaceAll('-', '_').toUpperCase();
  return {
    ...Object.fromEntries(
      serviceNames.flatMap((name) => (databaseUrls[name] ? [[`${upper(name)}_DATABASE_URL`, databaseUrls[name]]] : [])),
    ),
    ...Object.fromEntries(processNames.map((name) => [upper(name), platform.http(name)])),
    MILLRACE_HOME: platform.home,
  };
}

/** Process id of a child of the launcher, as text for a variable. */
export function pidOf(platform: LaunchedPlatform, name: ProcessName): string {
  const found = processesBelow(platform.program.pid).find(({ command }) => command.includes(`services/${name}/src/main.js`));
  if (!found) throw new Error(`no process of ${name}`);
  return String(found.pid);
}

/** One statement on a connection of its own. */
export async function query<Row>(connectionString: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** What ready says: the status, and each check by name. */
export async function readiness(baseUrl: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${baseUrl}/health/ready`, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, text: await response.text() };
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
