// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { openPersistence, type Database } from '#libs/persistence';
import { runCli, table, UsageError } from './cli';
import { databaseUsage, findDatabases, type ServiceDatabase } from './service-databases';

const usage = `npm run outbox -- status   events that are not sent yet, by service: how many, how old, and which process sends
  --json                   one JSON object per line
${databaseUsage}`;

const OPTIONS = { service: { type: 'string' }, home: { type: 'string' }, json: { type: 'boolean' } } as const;

interface Status {
  service: string;
  /** Events not sent yet. */
  waiting: number;
  /** Age of the oldest of them in seconds; 0 when none waits. */
  oldestSeconds: number;
  /** Topics of those that wait, the fullest first. */
  topics: string[];
  /** Address and process of the connection that holds the relay's lock, or null: then nobody sends. */
  relay: string | null;
}

async function outbox(argv: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  if (positionals.length !== 1 || positionals[0] !== 'status') throw new UsageError('Say status.');
  const rows = [['service', 'waiting', 'oldest', 'relay', 'topics']];
  for (const database of findDatabases(values, process.env)) {
    const status = await readStatus(database);
    if (values.json) process.stdout.write(`${JSON.stringify(status)}\n`);
    else rows.push(toRow(status));
  }
  if (!values.json) process.stdout.write(`${table(rows)}\n`);
}

async function readStatus({ service, url }: ServiceDatabase): Promise<Status> {
  const persistence = openPersistence({
    databaseUrl: url,
    applicationName: `millrace-${service}-outbox-tool`,
    connectionsMax: 1,
  });
  try {
    const { database } = persistence;
    const topics = await database.query<{ topic: string; waiting: string; oldest_seconds: string }>(
      `select topic, count(*) as waiting, extract(epoch from clock_timestamp() - min(created_at)) as oldest_seconds
       from outbox where published_at is null group by topic order by count(*) desc, topic`,
    );
    return {
      service,
      waiting: topics.reduce((sum, { waiting }) => sum + Number(waiting), 0),
      oldestSeconds: Math.max(0, ...topics.map(({ oldest_seconds: seconds }) => Math.round(Number(seconds) * 10) / 10)),
      topics: topics.map(({ topic }) => topic),
      relay: await findRelay(database, service),
    };
  } finally {
    await persistence.close();
  }
}

/** Who holds the relay's advisory lock; the same key as libs/messaging's outbox store takes. */
async function findRelay(database: Database, service: string): Promise<string | null> {
  const [holder] = await database.query<{ who: string }>(
    `select a.application_name || ' at ' || coalesce(a.client_addr::text, 'local') || ':' || coalesce(a.client_port::text, '-') as who
     from pg_locks l join pg_stat_activity a on a.pid = l.pid,
          lateral (select hashtextextended($1, 0) as key) k
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_database where datname = current_database())
       and l.classid = ((k.key >> 32) & 4294967295)::oid and l.objid = (k.key & 4294967295)::oid`,
    [`millrace-relay-${service}`],
  );
  return holder?.who ?? null;
}

function toRow({ service, waiting, oldestSeconds, relay, topics }: Status): string[] {
  return [service, String(waiting), `${oldestSeconds} s`, relay ?? 'nobody', topics.join(', ') || '-'];
}

if (process.argv[1] === __filename) void runCli(usage, outbox);
