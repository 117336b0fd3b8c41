// SPDX-License-Identifier: Apache-2.0
// Preloaded into a built service (NODE_OPTIONS=--require): ends or freezes the process at one exact place, seen from outside at its
// Postgres driver. The product itself has no test hooks. MILLRACE_FAILPOINT names the place, MILLRACE_FAILPOINT_PASS the pass (from
// 1), MILLRACE_FAILPOINT_SIGNAL what happens there (SIGKILL or SIGSTOP).
import { writeSync } from 'node:fs';
import { Client } from 'pg';

/** The places of F1 in reliability.md. */
export const failpoints = [
  'after-state-write',
  'before-commit',
  'after-commit',
  'after-send-before-mark',
  'after-effect-before-offset-commit',
] as const;
export type Failpoint = (typeof failpoints)[number];

/** Said on standard error when the place is reached. */
export const REACHED = 'failpoint reached:';

type Query = (this: Client, ...args: unknown[]) => unknown;

/** What the transaction under way on this connection has written. */
const written = new WeakMap<Client, Set<'state' | 'effect'>>();
let passes = 0;

function pass(place: Failpoint, wanted: string | undefined): void {
  if (place !== wanted) return;
  passes += 1;
  if (passes !== Number(process.env.MILLRACE_FAILPOINT_PASS ?? '1')) return;
  const signal = process.env.MILLRACE_FAILPOINT_SIGNAL === 'SIGSTOP' ? 'SIGSTOP' : 'SIGKILL';
  writeSync(2, `${REACHED} ${place} ${signal}\n`);
  process.kill(process.pid, signal);
}

function textOf(query: unknown): string {
  const text = typeof query === 'string' ? query : ((query as { text?: string } | null)?.text ?? '');
  return text.trimStart().slice(0, 200).toLowerCase();
}

function install(wanted: string): void {
  const original = Client.prototype.query as unknown as Query;
  const watched: Query = function (...args) {
    const text = textOf(args[0]);
    const marks = written.get(this) ?? new Set<'state' | 'effect'>();
    if (text.startsWith('begin')) written.set(this, new Set());
    if (text.startsWith('update outbox set published_at')) pass('after-send-before-mark', wanted);
    if (text === 'commit' && marks.has('state')) pass('before-commit', wanted);
    const result = original.apply(this, args);
    if (!(result instanceof Promise)) return result;
    return result.then((answer: unknown) => {
      // A handler that finds repeats by its own keys only looks into the inbox.
      if (/^(insert into|select event_key from) inbox/.test(text)) written.get(this)?.add('effect');
      // The outbox row is the last write of a change: the state is there, nothing is committed.
      if (text.startsWith('insert into outbox')) {
        written.get(this)?.add('state');
        pass('after-state-write', wanted);
      }
      if (text === 'commit') {
        if (marks.has('state')) pass('after-commit', wanted);
        if (marks.has('effect')) pass('after-effect-before-offset-commit', wanted);
      }
      return answer;
    });
  };
  (Client.prototype as { query: unknown }).query = watched;
}

if (process.env.MILLRACE_FAILPOINT) install(process.env.MILLRACE_FAILPOINT);
