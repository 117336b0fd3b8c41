// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { listTopics } from '#libs/contracts';
import { EventLogOffsets, KafkaOffsets, type GroupOffsets, type GroupPosition, type NewPosition } from '#libs/messaging';
import { runCli, table, UsageError } from './cli';
import { findEventLog, runningBroker } from './service-databases';
import { toTime } from './times';

const usage = `npm run consumers -- list                      groups, their members and how many events wait
npm run consumers -- lag    [--group <group>]  the same by partition, with offsets
npm run consumers -- rewind --group <group> <where>   moves a group; events handled before are ignored by its inbox
Where (one of):
  --to-time <time>         the first event written then or later: ISO time, or an age: 15m, 2h, 3d
  --to-offset <n>          with --topic and --partition
  --to-start | --to-end    everything that the broker keeps | nothing that is there (skips what waits!)
Options:
  --group <group>          such as monitoring.feedback; see list
  --service <name>         list, lag, rewind: all groups of a service
  --topic <name>           one topic of the group (default all)
  --partition <n>          one partition of that topic (default all)
  --dry-run                rewind: only say what would change
  --json                   list and lag: one JSON object per line
  --brokers host:port,...  Kafka (default KAFKA_BROKERS where BROKER=kafka), else the event log:
  --home <folder>          EVENT_LOG_URL, else the running local platform (default MILLRACE_HOME or .millrace)
On Kafka stop all processes of the service before a rewind; in the event log they may run.`;

const OPTIONS = {
  group: { type: 'string' },
  service: { type: 'string' },
  topic: { type: 'string' },
  partition: { type: 'string' },
  'to-time': { type: 'string' },
  'to-offset': { type: 'string' },
  'to-start': { type: 'boolean' },
  'to-end': { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  brokers: { type: 'string' },
  home: { type: 'string' },
  json: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof readFlags>['values'];

/** Picks the offset for one partition of the group. */
type Aim = (position: GroupPosition) => string;

async function consumers(argv: string[]): Promise<void> {
  const { values, positionals } = readFlags(argv);
  const [verb, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`${JSON.stringify(rest[0])}: nothing more is expected after ${verb}`);
  if (verb !== 'list' && verb !== 'lag' && verb !== 'rewind') throw new UsageError('Say list, lag or rewind.');
  const groups = chosenGroups(values, verb);
  const offsets = openOffsets(values, process.env);
  try {
    if (verb === 'list') await list(offsets, groups, values.json === true);
    else if (verb === 'lag') await lag(offsets, groups, values);
    else await rewind(offsets, groups, values);
  } finally {
    await offsets.close();
  }
}

/** Groups of the topic registry with the topics that each reads. `<service>.workspaces` groups exist only where workspaces are explicit. */
export function knownGroups(): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const topic of listTopics()) {
    for (const consumer of topic.consumers) {
      if (!consumer.startsWith('<')) groups.set(consumer, [...(groups.get(consumer) ?? []), topic.name]);
    }
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function chosenGroups(values: Values, verb: string): Map<string, string[]> {
  const known = knownGroups();
  if (verb === 'rewind' && (values.group === undefined) === (values.service === undefined))
    throw new UsageError('rewind: say --group or --service');
  if (values.group !== undefined) {
    const topics = known.get(values.group) ?? workspacesTopics(values.group);
    if (!topics) throw new UsageError(`--group: ${JSON.stringify(values.group)} is none of ${[...known.keys()].join(', ')}`);
    return new Map([[values.group, topics]]);
  }
  const own = [...known].filter(([group]) => values.service === undefined || group.startsWith(`${values.service}.`));
  if (own.length === 0) throw new UsageError(`--service: ${JSON.stringify(values.service)} has no consumer group`);
  return new Map(own);
}

function workspacesTopics(group: string): string[] | undefined {
  if (!group.endsWith('.workspaces')) return undefined;
  return listTopics()
    .filter((topic) => topic.consumers.includes('<service>.workspaces'))
    .map((topic) => topic.name);
}

function openOffsets(values: Values, env: NodeJS.ProcessEnv): GroupOffsets {
  const kafka = values.brokers ?? (runningBroker(values, env) === 'kafka' ? env.KAFKA_BROKERS : undefined);
  if (kafka !== undefined && kafka !== '') return new KafkaOffsets(kafka.split(',').filter((broker) => broker !== ''));
  const url = findEventLog(values, env);
  if (url === undefined) throw new UsageError('No broker: give --brokers, EVENT_LOG_URL, or start the platform (npm start).');
  return new EventLogOffsets(url);
}

async function list(offsets: GroupOffsets, groups: Map<string, string[]>, json: boolean): Promise<void> {
  const rows = [['group', 'members', 'waiting', 'topics']];
  for (const [group, topics] of groups) {
    const members = await offsets.members(group);
    const waiting = (await offsets.positions(group, topics)).reduce((sum, { lag }) => sum + lag, 0);
    if (json) process.stdout.write(`${JSON.stringify({ group, members, lag: waiting, topics })}\n`);
    else rows.push([group, String(members), String(waiting), topics.join(', ')]);
  }
  if (!json) process.stdout.write(`${table(rows)}\n`);
}

async function lag(offsets: GroupOffsets, groups: Map<string, string[]>, values: Values): Promise<void> {
  const rows = [['group', 'topic', 'partition', 'position', 'start', 'end', 'waiting']];
  for (const [group, topics] of groups) {
    for (const position of select(await offsets.positions(group, topics), values)) {
      if (values.json) process.stdout.write(`${JSON.stringify({ group, ...position })}\n`);
      else rows.push([group, ...cells(position), String(position.lag)]);
    }
  }
  if (!values.json) process.stdout.write(`${table(rows)}\n`);
}

async function rewind(offsets: GroupOffsets, groups: Map<string, string[]>, values: Values): Promise<void> {
  const rows = [['group', 'topic', 'partition', 'from', 'to']];
  for (const [group, topics] of groups) {
    const positions = select(await offsets.positions(group, topics), values);
    if (positions.length === 0) throw new UsageError(`${group} has no such topic or partition`);
    const aim = await toAim(offsets, positions, values);
    const moves = positions.map((position): NewPosition & { from: string } => {
      const { topic, partition, committed } = position;
      return { topic, partition, from: committed ?? 'nothing', offset: within(position, aim(position)) };
    });
    if (!values['dry-run']) await offsets.move(group, moves);
    rows.push(...moves.map(({ topic, partition, from, offset }) => [group, topic, String(partition), from, offset]));
  }
  process.stdout.write(
    `${table(rows)}\n${values['dry-run'] ? 'nothing was changed (--dry-run)' : `${rows.length - 1} partitions moved`}\n`,
  );
}

async function toAim(offsets: GroupOffsets, positions: GroupPosition[], values: Values): Promise<Aim> {
  const aims = ['to-time', 'to-offset', 'to-start', 'to-end'].filter((name) => values[name as keyof Values] !== undefined);
  if (aims.length !== 1) throw new UsageError('rewind: say one of --to-time, --to-offset, --to-start, --to-end');
  if (values['to-start']) return ({ start }) => start;
  if (values['to-end']) return ({ end }) => end;
  const number = values['to-offset'];
  if (number !== undefined) {
    if (!/^\d{1,18}$/.test(number)) throw new UsageError(`--to-offset: ${JSON.stringify(number)} is no offset`);
    if (positions.length !== 1) throw new UsageError('--to-offset: say --topic and --partition, an offset means one partition');
    return () => number;
  }
  const time = toTime('to-time', values['to-time'], new Date()) as Date;
  const found = new Map<string, Map<number, string>>();
  for (const topic of new Set(positions.map((position) => position.topic)))
    found.set(topic, await offsets.offsetsAt(topic, time));
  return ({ topic, partition, end }) => found.get(topic)?.get(partition) ?? end;
}

/** Kafka would take any number, and begin anew at its own choice of end. */
function within({ topic, partition, start, end }: GroupPosition, offset: string): string {
  if (BigInt(offset) >= BigInt(start) && BigInt(offset) <= BigInt(end)) return offset;
  throw new UsageError(`--to-offset: ${topic}/${partition} holds ${start} to ${end}, not ${offset}`);
}

function select(positions: GroupPosition[], { topic, partition }: Values): GroupPosition[] {
  if (partition !== undefined && topic === undefined) throw new UsageError('--partition: say --topic too');
  return positions.filter(
    (position) =>
      (topic === undefined || position.topic === topic) && (partition === undefined || String(position.partition) === partition),
  );
}

function cells({ topic, partition, committed, start, end }: GroupPosition): string[] {
  return [topic, String(partition), committed ?? '-', start, end];
}

function readFlags(argv: string[]) {
  return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
}

if (process.argv[1] === __filename) void runCli(usage, consumers);
