// SPDX-License-Identifier: Apache-2.0
// npm run contracts:record: writes one recorded event for each event type that has none yet. Recorded files are never changed:
// they are what older builds wrote, and tests/contracts proves that today's code still reads them.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import protoLoader from '@grpc/proto-loader';

const require = createRequire(import.meta.url);
const { listEvents } = require('../../dist/libs/contracts/src/index.js');
const folder = 'tests/contracts/events';
mkdirSync(folder, { recursive: true });

const packages = ['ingestion', 'dataprep', 'training', 'registry', 'gateway', 'monitoring'];
const definition = protoLoader.loadSync(
  packages.map((name) => `millrace/${name}/v1/${name}_events.proto`),
  { includeDirs: ['proto'], enums: String, longs: String },
);

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const isNumber = { TYPE_INT32: 7, TYPE_UINT32: 7, TYPE_DOUBLE: 0.625, TYPE_FLOAT: 0.5 };

function sampleOf(type, packageName) {
  const out = {};
  for (const field of type.field) {
    const mapEntry = type.nestedType.find((nested) => nested.options?.mapEntry && field.typeName.endsWith(nested.name));
    if (mapEntry) out[camel(field.name)] = { example: valueOf(mapEntry.field[1], packageName, 'example') };
    else if (field.label === 'LABEL_REPEATED') out[camel(field.name)] = [valueOf(field, packageName, field.name)];
    else out[camel(field.name)] = valueOf(field, packageName, field.name);
  }
  return out;
}

function valueOf(field, packageName, name) {
  if (field.type === 'TYPE_STRING') return `recorded ${name.replaceAll('_', ' ')}`;
  if (field.type === 'TYPE_INT64' || field.type === 'TYPE_UINT64') return '9007199254740993';
  if (field.type === 'TYPE_BOOL') return true;
  if (field.type in isNumber) return isNumber[field.type];
  const typeName = field.typeName.replace(/^\./, '');
  if (typeName.endsWith('Timestamp')) return '2026-11-23T19:06:27.123Z';
  const known = definition[typeName] ?? definition[`${packageName}.${typeName}`];
  if (!known) throw new Error(`unknown type ${typeName} of ${name}`);
  if (field.type === 'TYPE_ENUM') return known.type.value.find((value) => value.number === 1).name;
  return sampleOf(known.type, packageName);
}

let written = 0;
for (const event of listEvents()) {
  const file = join(folder, `${event.type}.json`);
  if (existsSync(file)) continue;
  const [, service, kind] = event.type.split('.');
  const message = kind
    .split('-')
    .map((part) => part[0].toUpperCase() + part.slice(1))
    .join('');
  const known = definition[`millrace.${service}.v1.${message}`];
  if (!known) throw new Error(`${event.type}: no message millrace.${service}.v1.${message}`);
  const record = {
    topic: event.topic,
    headers: {
      ce_specversion: '1.0',
      ce_id: '019aad1c-7a3b-7c1e-9f2a-5b6c7d8e9f00',
      ce_source: `/millrace/${service === 'dataprep' ? 'data-prep' : service}`,
      ce_type: event.type,
      ce_subject: 'recorded aggregate id',
      ce_time: '2026-11-23T19:06:27.123Z',
      ce_workspace: 'default',
      ce_aggregateversion: '3',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'content-type': 'application/json',
    },
    data: sampleOf(known.type, `millrace.${service}.v1`),
  };
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`);
  written += 1;
}
process.stdout.write(`${written} event types recorded\n`);
