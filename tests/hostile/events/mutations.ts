// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '#libs/clock';
import type { OutgoingMessage } from '#libs/messaging';
import { projectRoot } from '#libs/testing';
import { SENT_SECRETS } from '../../support/platform-secrets';
import { HOSTILE_TEXTS } from '../rpc/message-arbitrary';

type Json = Record<string, unknown>;

/** A good event of one type. */
export interface Specimen {
  topic: string;
  headers: Record<string, string>;
  data: Json;
}

/** One recorded event per type that Millrace writes, and the public input event. */
export function specimens(): Specimen[] {
  const folder = join(projectRoot(), 'tests/contracts/events');
  const recorded = readdirSync(folder).map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Specimen);
  for (const { headers, data } of recorded) if (headers.ce_type.includes('feedback-accepted')) data.valueJson = 'true';
  return [...recorded, feedbackSpecimen()];
}

function feedbackSpecimen(): Specimen {
  return {
    topic: 'feedback.v1',
    headers: {
      ce_specversion: '1.0',
      ce_id: 'f',
      ce_source: 'shop',
      ce_type: 'millrace.feedback.v1',
      'content-type': 'application/json',
    },
    data: {
      target: { kind: 'inference', id: 'planted' },
      metric: 'correct',
      value: false,
      correction: 'plant',
      rater: { id: 'u-1', kind: 'human_end_user' },
      comment: 'no',
      occurred_at: '2026-11-23T19:06:27Z',
    },
  };
}

const HOSTILE_VALUES: unknown[] = [
  null,
  true,
  -1,
  1e308,
  0.5,
  '9'.repeat(40),
  [],
  {},
  [[[[[[]]]]]],
  { constructor: { prototype: { polluted: true } } },
  'ENUM_OF_TOMORROW',
  4_294_967_296,
  ...HOSTILE_TEXTS,
];

const HOSTILE_HEADERS: Record<string, string | undefined>[] = [
  { ce_id: undefined },
  { ce_id: '' },
  { ce_id: 'a\0b' },
  { ce_id: 'x'.repeat(5_000) },
  { ce_source: undefined },
  { ce_time: 'yesterday' },
  { ce_time: '-271821-04-20T00:00:00Z' },
  { ce_time: '+275760-09-13T00:00:00Z' },
  { ce_workspace: '../other' },
  { ce_workspace: '' },
  { ce_workspace: "x'; drop table inbox; --" },
  { ce_aggregateversion: 'NaN' },
  { ce_aggregateversion: '-1' },
  { ce_specversion: '0.3' },
  { ce_subject: 'x'.repeat(2_000) },
  { traceparent: 'garbage' },
  { authorization: `Bearer ${SENT_SECRETS.bearer}`, cookie: `session=${SENT_SECRETS.cookie}` },
  { 'content-type': 'application/x-protobuf' },
  { 'content-type': 'application/cloudevents+avro' },
  { 'content-type': 'application/cloudevents+json' },
];

const HOSTILE_BODIES: (string | Buffer | null)[] = [
  null,
  '',
  '{',
  'null',
  '[]',
  '"text"',
  '17',
  SENT_SECRETS.body,
  JSON.stringify({ password: SENT_SECRETS.body }),
  '{"__proto__":{"polluted":true}}',
  '['.repeat(20_000),
  `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  Buffer.from([0xff, 0xfe, 0x00, 0x80]),
  Buffer.from([0x0a, 0x05, 0x68, 0x65]),
  `{"text":"${'x'.repeat(200_000)}"}`,
];

/** Every header and body mutation of a specimen, and `fields` field mutations drawn by `random`. Each is an event of its own id. */
export function mutationsOf(specimen: Specimen, fields: number, random: () => number): OutgoingMessage[] {
  const good = JSON.stringify(specimen.data);
  const message = (value: string | Buffer | null, headers: Record<string, string | undefined> = {}): OutgoingMessage => {
    const all = { ...specimen.headers, ce_id: newId(), ce_workspace: 'fuzzed', ...headers };
    const kept = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { topic: specimen.topic, key: `fuzz-${Math.floor(random() * 8)}`, value, headers: Object.fromEntries(kept) };
  };
  return [
    ...HOSTILE_HEADERS.map((headers) => message(good, headers)),
    ...HOSTILE_BODIES.map((body) => message(body)),
    ...Array.from({ length: fields }, () => message(JSON.stringify(withOneFault(specimen.data, random)))),
    message(good),
  ];
}

/** A copy with one field, at any depth, missing or replaced. */
function withOneFault(data: Json, random: () => number): Json {
  const copy = structuredClone(data);
  const places: [Json, string][] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value as Json, key]);
      visit((value as Json)[key]);
    }
  };
  visit(copy);
  const place = places[Math.floor(random() * places.length)];
  if (!place) return copy;
  const [holder, key] = place;
  if (random() < 0.15) delete holder[key];
  else holder[key] = HOSTILE_VALUES[Math.floor(random() * HOSTILE_VALUES.length)];
  return copy;
}
