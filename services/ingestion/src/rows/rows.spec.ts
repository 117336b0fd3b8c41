// SPDX-License-Identifier: Apache-2.0
import { Readable } from 'node:stream';
import { holdsNul, JSON_DEPTH_MAX, scanJson } from './check-json';
import { readCsv } from './read-csv';
import { readJsonLine } from './read-jsonl';
import { identifyRow, RowIdPrefix, rowIdOf, rowIdPrefix } from './row-identity';
import type { SourceRow } from './source-row';
import { LineSplitter } from './split-lines';

interface Found {
  number: number;
  text: string;
  tooLong: boolean;
  length: number;
}

function lines(text: string | Buffer, size: number, lineBytesMax = 2048): Found[] {
  const all: Found[] = [];
  const splitter = new LineSplitter(lineBytesMax, ({ number, bytes, start, end, tooLong, length }) =>
    all.push({ number, text: bytes.toString('utf8', start, end), tooLong, length }),
  );
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size));
  splitter.end();
  return all;
}

describe('LineSplitter', () => {
  it.each([1, 2, 3, 7, 1000])('gives the same lines for pieces of %i bytes', (size) => {
    const found = lines('\ufeffone\r\n\ntwo\u00e4\nlast', size);
    expect(found.map((line) => [line.number, line.text])).toEqual([
      [1, 'one'],
      [2, ''],
      [3, 'two\u00e4'],
      [4, 'last'],
    ]);
  });

  it('keeps only the beginning of a line that is too long, counts it whole, and goes on after it', () => {
    const found = lines(`${'x'.repeat(10_000)}\nafter\n`, 777);
    expect(found.map(({ number, tooLong, length }) => [number, tooLong, length])).toEqual([
      [1, true, 10_000],
      [2, false, 5],
    ]);
    expect(found[0].text.length).toBe(1024);
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

describe('readJsonLine and identifyRow', () => {
  it('names what is wrong by line, and keeps every digit of what is right', () => {
    const source = Buffer.concat([Buffer.from('{"n":9007199254740993}\n{"a":\n"text"\n \n'), Buffer.from([0x7b, 0xc3, 0x28])]);
    const rows: SourceRow[] = [];
    const splitter = new LineSplitter(2048, (line) => {
      const row = readJsonLine(line, 2048);
      if (row) rows.push(row);
    });
    splitter.push(source);
    splitter.end();
    expect(rows.map((row) => [row.line, row.fault?.reason, row.json])).toEqual([
      [1, undefined, '{"n":9007199254740993}'],
      [2, 'invalid_json', undefined],
      [3, 'not_an_object', undefined],
      [5, 'invalid_utf8', undefined],
    ]);
    expect(identifyRow(rows[0], 4)).toEqual({
      rowId: expect.stringMatching(/^[0-9a-f]{12}-4$/),
      json: expect.stringMatching(/^\{"_row_id":"[0-9a-f]{12}-4","n":9007199254740993\}$/),
    });
  });
});

describe('readCsv', () => {
  it('keeps the order of good and broken records', async () => {
    const source = Buffer.from('a,b\n1,2\nx"y,2\n3,4\nx"y,1\nx"y,3\n5,6\nx"y,4');
    const rows: SourceRow[] = [];
    for await (const row of readCsv(Readable.from([source]), 2048)) rows.push(row);
    expect(rows.map((row) => row.fault?.reason ?? row.json)).toEqual([
      '{"a":"1","b":"2"}',
      'invalid_csv',
      '{"a":"3","b":"4"}',
      'invalid_csv',
      'invalid_csv',
      '{"a":"5","b":"6"}',
      'invalid_csv',
    ]);
    expect(rows.map((row) => row.line)).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  it('gives the faults of a file without one good record as they come, not all at its end', async () => {
    let pieces = 0;
    function* broken(): Generator<Buffer> {
      yield Buffer.from('a,b\n');
      for (; pieces < 200; pieces += 1) yield Buffer.from('x"y,1\n'.repeat(200));
    }
    for await (const row of readCsv(Readable.from(broken()), 2048)) {
      expect(row.fault?.reason).toBe('invalid_csv');
      break;
    }
    expect(pieces).toBeLessThan(20);
  });
});

describe('RowIdPrefix', () => {
  it('gives the bytes of the texts, for positions of every length', () => {
    const prefix = new RowIdPrefix();
    const positions = [0, 7, 9, 10, 99, 100, 2_147_483_648, 999_999_999_999_999, 10];
    for (const position of positions) {
      const sha256 = position.toString(16).padStart(64, '0123456789abcdef');
      prefix.set(sha256, position);
      expect(prefix.bytes.toString('latin1', 0, prefix.length)).toBe(`${rowIdPrefix(rowIdOf(sha256, position))},`);
    }
  });
});
