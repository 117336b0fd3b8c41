// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { SystemClock, UuidIds } from '#libs/clock';
import { hasCode } from '#libs/errors';
import {
  PgDeadLetters,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterState,
  type DeadLetterSummary,
} from '#libs/messaging';
import { openPersistence } from '#libs/persistence';
import { runCli, table, UsageError } from './cli';
import { databaseUsage, findDatabases, type ServiceDatabase } from './service-databases';
import { toTime } from './times';

const usage = `npm run dlq -- list   [selection] [--state open|replaying|replayed|dropped|all]
npm run dlq -- show   <id>                   headers and payload as they came
npm run dlq -- replay <id>... | <selection>  hand them to their consumer once more, with the same event id
npm run dlq -- drop   <id>... | <selection>  --reason "<why>"
Selection (all that are given must hold):
  --code <code>            such as MESSAGING.NOT_AN_EVENT
  --consumer <group>       such as monitoring.feedback
  --workspace <name>
  --since <time>           ISO time, or an age: 15m, 2h, 3d
  --until <time>
  --all                    everything; required by replay and drop when nothing else selects
  --json                   list and show: one JSON object per line
${databaseUsage}`;

const OPTIONS = {
  service: { type: 'string' },
  home: { type: 'string' },
  code: { type: 'string' },
  consumer: { type: 'string' },
  workspace: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  state: { type: 'string' },
  reason: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

const STATES = ['open', 'replaying', 'replayed', 'dropped'];

async function dlq(argv: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  const [verb, ...ids] = positionals;
  const filter = toFilter(values, ids);
  const databases = findDatabases(values, process.env);
  if (verb === 'list') return list(databases, filter, values.json === true);
  if (verb === 'show') return show(databases, ids, values.json === true);
  if (verb !== 'replay' && verb !== 'drop') throw new UsageError('Say list, show, replay or drop.');
  const selects = Object.values(filter).some((condition) => condition !== undefined);
  if (!selects && !values.all) throw new UsageError(`${verb}: give ids or a selection, or --all`);
  if (verb === 'drop' && (values.reason ?? '').trim() === '')
    throw new UsageError('drop: --reason is required, it is kept with the letter');
  await change(databases, filter, (letters, selection) =>
    verb === 'replay' ? letters.replay(selection) : letters.drop(selection, values.reason as string),
  );
}

/** Reads the selection; throws UsageError naming the flag. */
export function toFilter(
  values: Record<string, string | boolean | undefined>,
  ids: string[],
  now = new Date(),
): DeadLetterFilter {
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const state = text('state') ?? 'open';
  if (state !== 'all' && !STATES.includes(state))
    throw new UsageError(`--state: ${JSON.stringify(state)} is none of ${STATES.join(', ')}, all`);
  return {
    ...(ids.length > 0 ? { ids } : {}),
    ...definedOnly({ code: text('code'), consumer: text('consumer'), workspace: text('workspace') }),
    ...definedOnly({ since: toTime('since', text('since'), now), until: toTime('until', text('until'), now) }),
    ...(values['state'] === undefined || state === 'all' ? {} : { state: state as DeadLetterState }),
  };
}

async function list(databases: ServiceDatabase[], filter: DeadLetterFilter, json: boolean): Promise<void> {
  const rows: string[][] = [['service', 'id', 'last time', 'consumer', 'event type', 'code', 'tries', 'message']];
  for (const database of databases) {
    await withLetters(database, async (letters) => {
      let token = '';
      do {
        const page = await letters.list({ state: 'open', ...filter }, { size: 500, token });
        for (const letter of page.items) {
          if (json) process.stdout.write(`${JSON.stringify({ service: database.service, ...letter })}\n`);
          else rows.push(toRow(database.service, letter));
        }
        token = page.nextPageToken;
      } while (token !== '');
    });
  }
  if (!json) process.stdout.write(rows.length === 1 ? 'No dead letters.\n' : `${table(rows)}\n`);
}

async function show(databases: ServiceDatabase[], [id]: string[], json: boolean): Promise<void> {
  if (id === undefined) throw new UsageError('show: give the id of a dead letter');
  for (const database of databases) {
    const letter = await withLetters(database, (letters) => letters.show(id).catch(unlessMissing));
    if (!letter) continue;
    process.stdout.write(json ? `${JSON.stringify(toPlain(database.service, letter))}\n` : describe(database.service, letter));
    return;
  }
  throw new UsageError(`No dead letter ${id}.`);
}

type Change = (letters: PgDeadLetters, filter: DeadLetterFilter) => Promise<number>;

async function change(databases: ServiceDatabase[], filter: DeadLetterFilter, apply: Change): Promise<void> {
  let total = 0;
  for (const database of databases) {
    const count = (await withLetters(database, (letters) => apply(letters, filter).catch(unlessMissing))) ?? 0;
    total += count;
    if (count > 0) process.stdout.write(`${database.service}: ${count}\n`);
  }
  process.stdout.write(`${total} dead letter${total === 1 ? '' : 's'} changed\n`);
  if (total === 0 && filter.ids) throw new UsageError('No such dead letter.');
}

async function withLetters<T>({ service, url }: ServiceDatabase, work: (letters: PgDeadLetters) => Promise<T>): Promise<T> {
  const persistence = openPersistence({ databaseUrl: url, applicationName: `millrace-${service}-dlq`, connectionsMax: 1 });
  try {
    const tools = { ids: new UuidIds(), clock: new SystemClock(), build: 'dlq', counted: () => undefined };
    return await work(new PgDeadLetters(persistence.database, tools));
  } finally {
    await persistence.close();
  }
}

function unlessMissing(error: unknown): undefined {
  if (!hasCode(error, 'COMMON.NOT_FOUND')) throw error;
  return undefined;
}

function toRow(service: string, letter: DeadLetterSummary): string[] {
  const { id, lastAt, consumer, eventType, code, attempts, message } = letter;
  return [
    service,
    id,
    lastAt.toISOString(),
    consumer,
    eventType || '-',
    code,
    String(attempts),
    message.split('\n')[0]?.slice(0, 80) ?? '',
  ];
}

function toPlain(service: string, letter: DeadLetter): Record<string, unknown> {
  return { service, ...letter, payload: letter.payload?.toString('utf8') ?? null, payloadBytes: letter.payload?.length ?? 0 };
}

function describe(service: string, letter: DeadLetter): string {
  const { payload, headers, ...rest } = toPlain(service, letter) as { payload: string | null; headers: Record<string, string> };
  const lines = Object.entries(rest).map(
    ([name, value]) => `${name}: ${value instanceof Date ? value.toISOString() : String(value)}`,
  );
  const shown = Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`);
  return `${lines.join('\n')}\nheaders:\n${shown.join('\n')}\npayload:\n${payload ?? '(none)'}\n`;
}

function definedOnly<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

if (process.argv[1] === __filename) void runCli(usage, dlq);
