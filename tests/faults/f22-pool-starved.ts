// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Client } from 'pg';
import type { Fault, FaultContext } from './support/fault';
import { hooked } from './support/hooked';

const CALLERS = 200;
/** The pool's own limit for a connection (connectTimeoutMs of libs/persistence). */
const POOL_WAIT_MS = 2_000;
/** What 200 connections at once cost on a busy machine. */
const SLACK_MS = 2_000;
const REFUSED_WITHIN_MS = POOL_WAIT_MS + SLACK_MS;

interface Reply {
  status: number;
  code: string;
  ms: number;
}

/** F22: two connections for two hundred callers, then a transaction inside a transaction: a code in seconds, never a hang. */
export const fault: Fault = {
  id: 'F22',
  title: 'Pool of two connections, 200 callers; a nested transaction',
  traffic: ['aliases', 'uploads'],
  async run(context) {
    for (let round = 0; round < context.rounds; round += 1) await starve(context);
    await nest(context);
  },
};

async function starve(context: FaultContext): Promise<void> {
  const { lab, note, fault: count } = context;
  const small = await lab.startReplica('registry', { env: { POOL_MAX: '2', RUN_CONSUMERS: 'false' } });
  const blocker = new Client({ connectionString: lab.postgres.adminUrl('registry') });
  await blocker.connect();
  try {
    await blocker.query('begin');
    await blocker.query('lock table registered_models in access exclusive mode');
    count('pool starved', { callers: CALLERS });
    const name = (index: number): string => `starved-${process.hrtime.bigint()}-${index}`;
    const calls = Array.from({ length: CALLERS }, (_, index) => moveAlias(context, small.httpUrl, name(index)));
    // Two callers hold the two connections and wait for the lock; all others must be told within the pool's limit.
    const refused = (await Promise.all(calls)).filter(({ code }) => code === 'PERSISTENCE.POOL_EXHAUSTED');
    const longestMs = Math.max(...refused.map(({ ms }) => ms));
    note('starved', { refused: refused.length, longestMs });
    process.stdout.write(`     ${refused.length} of ${CALLERS} refused, the last after ${(longestMs / 1000).toFixed(1)} s\n`);
    assert.ok(
      refused.length >= CALLERS * 0.9,
      `only ${refused.length} of ${CALLERS} were refused with PERSISTENCE.POOL_EXHAUSTED`,
    );
    assert.ok(
      refused.every(({ status }) => status === 503 || status === 429),
      'a refusal without 503 or 429',
    );
    assert.ok(longestMs < REFUSED_WITHIN_MS, `a caller waited ${longestMs} ms for its refusal`);
    const shortestMs = Math.min(...refused.map(({ ms }) => ms));
    assert.ok(shortestMs > 0.9 * POOL_WAIT_MS, `a caller was refused after ${shortestMs} ms, before the pool's limit`);
  } finally {
    await blocker.query('rollback');
    await blocker.end();
  }
  const after = await moveAlias(context, small.httpUrl, `fed-${process.hrtime.bigint()}`);
  assert.equal(after.status, 404, `after the famine: ${after.status} ${after.code}`);
  await small.stop();
}

async function nest(context: FaultContext): Promise<void> {
  const { lab, note, fault: count } = context;
  const env = hooked('nested-transaction', { POOL_MAX: '2', RUN_CONSUMERS: 'false' });
  const nesting = await lab.startReplica('registry', { env });
  count('nested transaction');
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, index) => moveAlias(context, nesting.httpUrl, `nested-${process.hrtime.bigint()}-${index}`)),
  );
  const longestMs = Math.max(...replies.map(({ ms }) => ms));
  note('nested', { longestMs, codes: [...new Set(replies.map(({ code }) => code))] });
  assert.ok(
    replies.every(({ status }) => status === 500),
    'a nested transaction must be an error',
  );
  assert.match(nesting.output, /PERSISTENCE\.NESTED_TRANSACTION/, 'the log must name the mistake');
  assert.ok(longestMs < REFUSED_WITHIN_MS, `a nested transaction took ${longestMs} ms to be refused`);
  await nesting.stop();
}

/** Asks for the move of an alias of a model that is not there. Fails only when there is no answer within 20 s. */
async function moveAlias({ workspace }: FaultContext, baseUrl: string, model: string): Promise<Reply> {
  const startedMs = performance.now();
  const response = await fetch(`${baseUrl}/api/v1/models/${model}/aliases/champion/moves`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-millrace-workspace': workspace },
    body: JSON.stringify({ version: 1, reason: model, requestId: model }),
    signal: AbortSignal.timeout(20_000),
  });
  const { code } = (await response.json()) as { code: string };
  return { status: response.status, code, ms: performance.now() - startedMs };
}
