// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findEvent, findTopic, listEvents } from '#libs/contracts';

interface RecordedEvent {
  topic: string;
  headers: Record<string, string>;
  data: unknown;
}

const folder = join(__dirname, 'events');
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as RecordedEvent;

describe('recorded events', () => {
  it('exist for every event type', () => {
    const recorded = new Set(files.map((file) => read(file).headers.ce_type));
    expect(listEvents().filter((event) => !recorded.has(event.type))).toEqual([]);
  });

  it.each(files)('%s is read whole by today’s code', (file) => {
    const record = read(file);
    const definition = findEvent(record.headers.ce_type);
    expect(definition).toBeDefined();
    expect(definition?.topic).toBe(record.topic);
    expect(findTopic(record.topic)).toBeDefined();
    // Every recorded field holds a value that is not its default, so a field that is lost or renamed shows here.
    expect(definition?.toJSON(definition.fromJSON(record.data))).toMatchObject(record.data as object);
  });

  it.each(files)('%s with an unknown field is still read', (file) => {
    const record = read(file);
    const definition = findEvent(record.headers.ce_type);
    const newer = { ...(record.data as object), aFieldOfTomorrow: { deep: [1] } };
    expect(definition?.toJSON(definition.fromJSON(newer))).toMatchObject(record.data as object);
  });
});
