// SPDX-License-Identifier: Apache-2.0
import { holdsNul, JSON_DEPTH_MAX, scanJson } from './check-json';
import { readJsonl } from './read-jsonl';
import { identifyRow } from './row-identity';
import { splitLines, type Line } from './split-lines';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function lines(text: string | Buffer, size: number, lineBytesMax = 2048): Promise<Line[]> {
  const all: Line[] = [];
  for await (const line of splitLines(inPieces(Buffer.from(text), size), lineBytesMax)) all.push(line);
  return all;
}

describe('splitLines', () => {
  it.each([1, 2, 3, 7, 1000])('gives the same lines for pieces of %i bytes', async (size) => {
    const found = await lines('\ufeffone\r\n\ntwo\u00e4\nlast', size);
    expect(found.map((line) => [line.number, line.bytes.toString()])).toEqual([
      [1, 'one'],
      [2, ''],
      [3, 'two\u00e4'],
      [4, 'last'],
    ]);
  });

  it('keeps only the beginning of a line that is too long, counts it whole, and goes on after it', async () => {
    const found = await lines(`${'x'.repeat(10_000)}\nafter\n`, 777);
    expect(found.map(({ number, tooLong, length }) => [number, tooLong, length])).toEqual([
      [1, true, 10_000],
      [2, false, 5],
    ]);
    expect(found[0].bytes.length).toBe(1024);
  });
});

describe('scanJson and holdsNul', () => {
  it.each([
    ['{"a":1,"b":{"a":2}}', undefined],
    ['{"a":1,"\\u0061":2}', 'duplicate_key'],
    ['[{"x":"a\\":b"},{"x":1}]', undefined],
    [`${'['.repeat(JSON_DEPTH_MAX + 1)}${']'.repeat(JSON_DEPTH_MAX + 1)}`, 'too_deep'],
  ])('%s', (text, kind) => {
    expect(scanJson(text)?.kind).toBe(kind);
  });

  it('tells an escaped NUL from a text that speaks of one', () => {
    expect(holdsNul('{"a":"\\u0000"}')).toBe(true);
    expect(holdsNul('{"a":"\\\\\\u0000"}')).toBe(true);
    expect(holdsNul('{"a":"write \\\\u0000 for NUL"}')).toBe(false);
  });
});

describe('readJsonl and identifyRow', () => {
  it('names what is wrong by line, and keeps every digit of what is right', async () => {
    const source = Buffer.concat([Buffer.from('{"n":9007199254740993}\n{"a":\n"text"\n'), Buffer.from([0x7b, 0xc3, 0x28])]);
    const rows = [];
    for await (const row of readJsonl(inPieces(source, 5), 2048)) rows.push(row);
    expect(rows.map((row) => [row.line, row.fault?.reason, row.json])).toEqual([
      [1, undefined, '{"n":9007199254740993}'],
      [2, 'invalid_json', undefined],
      [3, 'not_an_object', undefined],
      [4, 'invalid_utf8', undefined],
    ]);
    expect(identifyRow(rows[0], 4, false, new Set())).toEqual({
      rowId: expect.stringMatching(/^[0-9a-f]{12}-4$/),
      json: expect.stringMatching(/^\{"_row_id":"[0-9a-f]{12}-4","n":9007199254740993\}$/),
    });
  });
});
