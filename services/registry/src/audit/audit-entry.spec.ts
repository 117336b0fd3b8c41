// SPDX-License-Identifier: Apache-2.0
import { type AuditEntry, chainEntry, findBreak, GENESIS_HASH } from './audit-entry';
import { canonicalJson } from './canonical-json';

const time = new Date('2026-11-23T12:00:00.123Z');

function chain(length: number): AuditEntry[] {
  const entries: AuditEntry[] = [];
  let head = { sequence: 0, hash: GENESIS_HASH };
  for (let index = 0; index < length; index += 1) {
    const entry = chainEntry('default', head, {
      action: 'alias.moved',
      subject: 'models:/m@a',
      after: { version: index },
      actor: 'ann',
      time,
    });
    entries.push(entry);
    head = entry;
  }
  return entries;
}

describe('audit chain', () => {
  const start = { sequence: 0, hash: GENESIS_HASH };

  it('accepts an untouched chain', () => {
    expect(findBreak('default', start, chain(5))).toBeUndefined();
  });

  it.each<[string, Partial<AuditEntry>]>([
    ['actor', { actor: 'bob' }],
    ['time', { time: new Date('2026-11-23T12:00:00.124Z') }],
    ['after', { afterJson: '{"version":9}' }],
    ['reason', { reason: 'because' }],
    ['action', { action: 'alias.deleted' }],
  ])('finds a changed %s', (_field, change) => {
    const entries = chain(5);
    entries[2] = { ...entries[2], ...change };
    expect(findBreak('default', start, entries)).toBe(3);
  });

  it('finds a removed entry, a swapped one and one moved from another workspace', () => {
    const entries = chain(4);
    expect(findBreak('default', start, [entries[0], entries[2], entries[3]])).toBe(2);
    expect(findBreak('default', start, [entries[1], entries[0]])).toBe(1);
    expect(findBreak('other', start, entries)).toBe(1);
  });

  it('writes canonical JSON whatever the order of keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[{"d":1}]}');
  });
});
