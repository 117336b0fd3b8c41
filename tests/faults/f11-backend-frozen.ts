// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Client } from 'pg';
import type { Fault, FaultContext } from './support/fault';
import { promised, waitFor } from './support/wait';

/** The services' limit for a query without any answer (query_timeout of their pools). */
const QUERY_SECONDS_MAX = 15;
/** For the answer and the hang-up on a busy machine; still long before a pool closes what is only idle (30 s). */
const SLACK_SECONDS = 5;

/** A profile is made of each: on a small machine they must not be what is waited for. */
const UPLOADS_PER_SECOND = 0.5;

/**
 * F11: one database session freezes in the middle of a statement and answers nothing; the statement ends by the client's own limit with
 * a code that the log names with its request, and all others go on.
 */
export const fault: Fault = {
  id: 'F11',
  title: 'One database session frozen in the middle of a statement',
  unable: async () => (process.platform === 'linux' ? undefined : 'needs /proc to see who hung up'),
  async run(context) {
    context.traffic.setRate('uploads', UPLOADS_PER_SECOND);
    for (let round = 0; round < context.rounds; round += 1) await freezeOne(context, round);
  },
};

async function freezeOne(context: FaultContext, round: number): Promise<void> {
  const { lab, traffic, workspace, fault: count, note } = context;
  const model = `frozen-${workspace}-${round}`;
  await prepareModel(context, model);
  const { pid, answer } = await freezeInUse(context, model);
  const startedMs = performance.now();
  count('session frozen', { round, pid });
  try {
    await traffic.flows({ timeoutMs: 30_000 });
    note('others go on', { round, seconds: (performance.now() - startedMs) / 1000 });
    const leftMs = (QUERY_SECONDS_MAX + SLACK_SECONDS) * 1000 - (performance.now() - startedMs);
    await promised('the client hangs up on the frozen session', () => hungUp(lab.postgres.port, pid), {
      timeoutMs: leftMs,
      intervalMs: 100,
    });
    const seconds = (performance.now() - startedMs) / 1000;
    const { status, code } = await answer;
    note('given up', { round, seconds, status, code });
    assert.equal(code, 'PERSISTENCE.STATEMENT_TIMEOUT', `the caller of the frozen session was answered ${status} ${code}`);
    assert.ok(status === 503 || status === 504, `the caller was answered ${status}`);
    const told = lab.replicas('registry').some(({ output }) => saysWhatFailed(output, model));
    assert.ok(told, `no warning in the log of the registry names the request ${model}`);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

function saysWhatFailed(log: string, requestId: string): boolean {
  return log
    .split('\n')
    .some((line) => ['"level":"warn"', `"requestId":"${requestId}"`, 'STATEMENT_TIMEOUT'].every((part) => line.includes(part)));
}

/** A model of its own: what a frozen transaction holds must be in nobody's way but its own. */
async function prepareModel({ lab, workspace }: FaultContext, name: string): Promise<void> {
  for (const [path, body] of [
    ['registered-models/create', { name }],
    ['model-versions/create', { name, source: `s3://models/${name}/1` }],
  ] as const) {
    const response = await post(`${lab.http('registry')}/api/2.0/mlflow/${path}`, workspace, body);
    assert.equal(response.status, 200, `${path}: ${response.status} ${response.code}`);
  }
}

/** A caller's statement waits for a row that we hold; there its session freezes, and the row is let go. */
async function freezeInUse({ lab, workspace }: FaultContext, model: string): Promise<{ pid: number; answer: Promise<Reply> }> {
  const blocker = new Client({ connectionString: lab.postgres.adminUrl('registry'), application_name: 'millrace-fault-lab' });
  await blocker.connect();
  try {
    await blocker.query('begin');
    await blocker.query('select 1 from registered_models where workspace = $1 and name = $2 for update', [workspace, model]);
    const url = `${lab.http('registry')}/api/v1/models/${model}/aliases/champion/moves`;
    const answer = post(url, workspace, { version: 1, reason: model, requestId: model }, model);
    answer.catch(() => undefined); // awaited later; a failure before that is told there
    const [own] = (await blocker.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
    const pid = await waitFor('a statement that waits for the row', async () => {
      const text = 'select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid))';
      return (await lab.postgres.sql<{ pid: number }>('registry', text, [own.pid]))[0]?.pid;
    });
    process.kill(pid, 'SIGSTOP');
    return { pid, answer };
  } finally {
    await blocker.query('rollback');
    await blocker.end();
  }
}

interface Reply {
  status: number;
  code: string;
}

async function post(url: string, workspace: string, body: object, requestId?: string): Promise<Reply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-millrace-workspace': workspace,
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const { code = '' } = (await response.json()) as { code?: string };
  return { status: response.status, code };
}

const CLOSE_WAIT = '08';

/** True when the other end of that process' connection has said goodbye, which a frozen process does not notice. */
function hungUp(port: number, pid: number): boolean {
  const fds = `/proc/${pid}/fd`;
  const inodes = new Set(
    readdirSync(fds).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${fds}/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    }),
  );
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .some((fields) => inodes.has(fields[9] ?? '') && fields[1]?.endsWith(local) && fields[3] === CLOSE_WAIT);
}
