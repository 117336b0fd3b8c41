// SPDX-License-Identifier: Apache-2.0
// Preloaded into a built service (NODE_OPTIONS=--require): ends or freezes the process at one exact place, seen from outside at its
// Postgres driver. The product itself has no test hooks. MILLRACE_FAILPOINT names the place, MILLRACE_FAILPOINT_PASS the pass (from
// 1), MILLRACE_FAILPOINT_SIGNAL what happens there (SIGKILL or SIGSTOP). MILLRACE_FAILPOINT_CONSUMER: only events of this group count
// as effects. MILLRACE_FAILPOINT_ARMED: passes before this file exists do not count.
import { existsSync, writeSync } from 'node:fs';
import { Client } from 'pg';

/** The places of F1 in reliability.md. */
export const failpoints = [
  'after-state-write',
  'before-commit',
  'after-commit',
  'after-send-before-mark',
  'after-effect-before-offset-commit',
] as const;
/** Any of them, or right before the COMMIT of an effect that was written (F5). */
export type Failpoint = (typeof failpoints)[number] | 'before-effect-commit';

/** Said on standard error when the place is reached, with the inbox keys of the events at stake as JSON. */
export const REACHED = 'failpoint reached:';

type QueryMethod = (this: Client, ...args: unknown[]) => unknown;

interface Query {
  text: string;
  values: readonly unknown[];
}

/** What the transaction under way on a connection has done. */
interface Done {
  state: boolean;
  effect: boolean;
  /** Rows beyond the inbox. */
  rows: boolean;
  /** Inbox keys of the events that it handles. */
  keys: readonly string[];
}

const NOTHING: Done = { state: false, effect: false, rows: false, keys: [] };
const done = new WeakMap<Client, Done>();
const { MILLRACE_FAILPOINT_CONSUMER: consumer, MILLRACE_FAILPOINT_ARMED: armedBy } = process.env;
let passes = 0;

function pass(place: Failpoint, wanted: string | undefined, keys: readonly string[] = []): void {
  if (place !== wanted || (armedBy !== undefined && !existsSync(armedBy))) return;
  passes += 1;
  if (passes !== Number(process.env.MILLRACE_FAILPOINT_PASS ?? '1')) return;
  const signal = process.env.MILLRACE_FAILPOINT_SIGNAL === 'SIGSTOP' ? 'SIGSTOP' : 'SIGKILL';
  writeSync(2, `${REACHED} ${place} ${signal} ${JSON.stringify(keys)}\n`);
  process.kill(process.pid, signal);
}

function read([first, second]: readonly unknown[]): Query {
  const config = typeof first === 'string' ? { text: first, values: second } : (first as Partial<Query> | null);
  const values = Array.isArray(config?.values) ? (config.values as unknown[]) : [];
  return { text: (config?.text ?? '').trimStart().slice(0, 200).toLowerCase(), values };
}

/** An array parameter as the driver gets it: itself, or the literal that the product wrote of it. */
function textsOf(param: unknown): string[] {
  return typeof param === 'string' ? (JSON.parse(`[${param.slice(1, -1)}]`) as string[]) : (param as string[]);
}

/** Looks at a statement that was answered. */
function note(client: Client, { text, values }: Query): void {
  const sofar = done.get(client);
  if (!sofar) return;
  // A handler that finds repeats by its own keys only looks into the inbox.
  if (/^(insert into|select event_key from) inbox/.test(text)) {
    if (consumer === undefined || values[0] === consumer) done.set(client, { ...sofar, effect: true, keys: textsOf(values[1]) });
  } else if (/^insert into outbox/.test(text)) done.set(client, { ...sofar, state: true, rows: true });
  else if (/\binsert into |^update /.test(text)) done.set(client, { ...sofar, rows: true });
}

function install(wanted: string): void {
  const original = Client.prototype.query as unknown as QueryMethod;
  const watched: QueryMethod = function (...args) {
    const query = read(args);
    const { text } = query;
    if (text.startsWith('begin')) done.set(this, NOTHING);
    const { state, effect, rows, keys } = done.get(this) ?? NOTHING;
    if (text.startsWith('update outbox set published_at')) pass('after-send-before-mark', wanted);
    if (text === 'commit' && state) pass('before-commit', wanted);
    if (text === 'commit' && effect && rows) pass('before-effect-commit', wanted, keys);
    const result = original.apply(this, args);
    if (!(result instanceof Promise)) return result;
    return result.then((answer: unknown) => {
      note(this, query);
      // The outbox row is the last write of a change: the state is there, nothing is committed.
      if (text.startsWith('insert into outbox')) pass('after-state-write', wanted);
      if (text === 'commit') {
        if (state) pass('after-commit', wanted);
        if (effect) pass('after-effect-before-offset-commit', wanted);
      }
      return answer;
    });
  };
  (Client.prototype as { query: unknown }).query = watched;
}

if (process.env.MILLRACE_FAILPOINT) install(process.env.MILLRACE_FAILPOINT);
