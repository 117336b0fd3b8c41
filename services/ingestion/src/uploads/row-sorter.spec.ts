// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  assert,
  asyncProperty,
  constantFrom,
  array,
  integer,
  json,
  oneof,
  record,
  string,
  tuple,
  type Arbitrary,
} from 'fast-check';
import { seededRandom } from '#libs/clock';
import { BlobStore, type BlobSource, type StoredBlob } from '#libs/storage';
import type { ColumnType } from '../rows/check-columns';
import { PlainRowScanner } from '../rows/plain-row-scanner';
import type { ChunkedRows } from '../rows/row-chunks';
import { RowSorter } from './row-sorter';

class MemoryBlobs extends BlobStore {
  readonly blobs = new Map<string, Buffer>();
  putsBeforeFailure = Infinity;
  async put(source: BlobSource): Promise<StoredBlob> {
    await new Promise((resolve) => setImmediate(resolve));
    if ((this.putsBeforeFailure -= 1) < 0) throw new Error('disk is full');
    // A copy: the writer uses its blocks again.
    const bytes = Buffer.from(source as Buffer);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.blobs.set(sha256, bytes);
    return { sha256, bytes: bytes.length };
  }
  open = (sha256: string): Promise<Readable> => Promise.resolve(Readable.from([this.blobs.get(sha256)]));
  size = (sha256: string): Promise<number> => Promise.resolve(this.blobs.get(sha256)?.length ?? 0);
  has = (sha256: string): Promise<boolean> => Promise.resolve(this.blobs.has(sha256));
  async delete(): Promise<void> {}
  async check(): Promise<void> {}
  async close(): Promise<void> {}
  textOf({ chunks }: ChunkedRows): string {
    return chunks.map(({ sha256 }) => this.blobs.get(sha256)?.toString('latin1')).join('');
  }
}

interface Shape {
  columns?: Record<string, ColumnType>;
  keepRowIds?: boolean;
  pieceBytes?: number;
  chunkBytes?: number;
}

async function sort(source: Buffer, plain: boolean, shape: Shape) {
  const { columns = {}, keepRowIds = false, pieceBytes = 64, chunkBytes = 300 } = shape;
  const blobs = new MemoryBlobs();
  const rules = { columns: new Map(Object.entries(columns)), keepRowIds, rowBytesMax: 400, chunkBytes };
  const sorter = new RowSorter(blobs, rules);
  const pieces: Buffer[] = [];
  for (let at = 0; at < source.length; at += pieceBytes) pieces.push(source.subarray(at, at + pieceBytes));
  await sorter.takeJsonl(Readable.from(pieces), { plain });
  const [kept, quarantined] = [await sorter.kept.end(), await sorter.quarantined.end()];
  return { kept, quarantined, byReason: sorter.byReason, rows: blobs.textOf(kept), refused: blobs.textOf(quarantined) };
}

async function expectEqual(source: Buffer, shape: Shape = {}): Promise<void> {
  expect(await sort(source, true, shape)).toEqual(await sort(source, false, shape));
}

const isPlain = (text: string | Buffer, columns: Record<string, ColumnType> = {}): boolean => {
  const bytes = Buffer.concat([Buffer.from('x'), Buffer.from(text), Buffer.from('\n{"next":1}')]);
  return new PlainRowScanner(new Map(Object.entries(columns))).isPlain(bytes, 1, 1 + Buffer.byteLength(text));
};

const demands: Record<string, ColumnType>[] = [{}, { a: 'string' }, { a: 'integer' }, { a: 'number' }, { a: 'array' }];

/** Lines that sit on the edge of some rule. */
const weird = [
  ...[
    '{}',
    '{ }',
    '{"a":1}',
    ' {"a":1} ',
    '{\\t"a" : 1 , "b":[ ] }\\r',
    '{"a":1}\\r\\r',
    '{"a":1}}',
    '{"a":1},{"b":2}',
    '{"a":[1',
    '2]}',
  ],
  ...[
    '{"a":01}',
    '{"a":-0}',
    '{"a":-}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":1e5}',
    '{"a":1E+}',
    '{"a":1e-07}',
    '{"a":1.0}',
    '{"a":+1}',
  ],
  ...[
    '{"a":tru}',
    '{"a":true}',
    '{"a":trueX}',
    '{"a":nul}',
    '{"a":null}',
    '{"a":NaN}',
    '{"a":Infinity}',
    `{"a":${'9'.repeat(320)}}`,
  ],
  ...[
    '{"a":"\\\\u0000"}',
    '{"a":"\\\\\\\\u0000"}',
    '{"a":"\\\\u00"}',
    '{"a":"\\\\ud800"}',
    '{"a":"\\\\x"}',
    '{"a":"\\\\"}',
    '{"a":"\\t"}',
    '{"a":"x',
  ],
  ...['{"a":1,"a":2}', '{"a":1,"\\\\u0061":2}', '{"a":{"a":1},"b":{"a":1}}', '{"a":{"b":1,"b":2}}', '{"a":[{"c":1},{"c":1}]}'],
  ...[
    '{"a":1,}',
    '{,"a":1}',
    '{"a"1}',
    '{"a"}',
    '{a:1}',
    "{'a':1}",
    '{"a":[1,]}',
    '{"a":[,1]}',
    '{"a":[1 2]}',
    '{"a":{}}',
    '{"a":[]}',
    '{"a":[}',
  ],
  ...[
    '{"_row_id":"x"}',
    '{"_row_id":"x","a":1}',
    '{"_row_id":5}',
    '{"a":{"_row_id":1}}',
    '{"__proto__":1,"a":2}',
    '{"":1,"a":""}',
  ],
  ...[
    '[]',
    'null',
    '"x"',
    '1',
    '',
    ' ',
    '\\u2028',
    '\\ufeff{"a":1}',
    '{"a":"\\ufeff"}',
    '{"a":"d\\u00e9j\\u00e0"}',
    '{"\\u00e9":1,"a":1}',
    '{"a":"\\ud83d\\ude00"}',
  ],
  ...[
    `{"a":"${'x'.repeat(390)}"}`,
    `{"a":"${'x'.repeat(400)}"}`,
    `{"a":${'['.repeat(17)}${']'.repeat(17)}}`,
    `${'{"a":'.repeat(66)}1${'}'.repeat(66)}`,
  ],
].map((line) => line.replaceAll('\\\\', '\u0001').replaceAll('\\t', '\t').replaceAll('\\r', '\r').replaceAll('\u0001', '\\'));

const badBytes = [[0xc3, 0x28], [0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];

describe('the short way of plain rows', () => {
  it('comes to the same rows, ids, chunks and faults as the careful way, line by line of the weird', async () => {
    const inside = badBytes.map((bytes) => Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]));
    for (const line of [...weird.map((text) => Buffer.from(text)), ...inside]) {
      for (const columns of demands) {
        const source = Buffer.concat([Buffer.from('{"a":"before"}\n'), line, Buffer.from('\n{"a":"after"}')]);
        await expectEqual(source, { columns });
        await expectEqual(source, { columns, keepRowIds: true });
      }
    }
  });

  it('comes to the same for rows made by chance and damaged by chance, however the bytes are cut', async () => {
    const good: Arbitrary<string> = oneof(
      json({ depthSize: 'small' }).map((value) => `{"a":${value}}`),
      record({ a: oneof(string({ unit: 'binary' }), integer()), b: json() }).map((row) => JSON.stringify(row)),
      constantFrom(...weird),
    );
    const upload = tuple(
      array(good, { maxLength: 30 }),
      integer(),
      integer({ min: 1, max: 200 }),
      constantFrom(...demands.slice(0, 2)),
    );
    await assert(
      asyncProperty(upload, async ([rows, seed, pieceBytes, columns]) => {
        const source = Buffer.from(rows.join('\n'));
        await expectEqual(source, { columns, pieceBytes });
        await expectEqual(damaged(source, seed), { columns, pieceBytes });
      }),
      { numRuns: 300 },
    );
  });

  it('is taken by common rows, or it would speed nothing up', () => {
    const rows = [
      '{"a":1}',
      '{"id":7,"text":"it\'s \\"so\\"\\n","score":-0.5e-3,"tags":["x",null,true],"meta":{"a":{}}}',
      '{"t":"d\u00e9j\u00e0"}',
    ];
    expect(rows.map((row) => isPlain(row))).toEqual([true, true, true]);
    expect(isPlain('{"t":"x","n":1}', { t: 'string', n: 'number' })).toBe(true);
    expect(isPlain('{"t":"x"}', { n: 'number' })).toBe(false);
    expect(isPlain('{"n":1.0}', { n: 'integer' })).toBe(false);
  });

  it('ends a chunk with the row that fills it, and says at its end when the store failed', async () => {
    const { kept } = await sort(Buffer.from('{"a":1}\n'.repeat(20)), true, { chunkBytes: 70 });
    expect(kept.chunks.map(({ firstOrdinal, rows }) => [firstOrdinal, rows])).toEqual(
      Array.from({ length: 10 }, (_, n) => [n * 2, 2]),
    );
    const blobs = new MemoryBlobs();
    blobs.putsBeforeFailure = 2;
    const sorter = new RowSorter(blobs, { columns: new Map(), keepRowIds: false, rowBytesMax: 400, chunkBytes: 70 });
    const take = async (): Promise<unknown> => {
      await sorter.takeJsonl(Readable.from(Array.from({ length: 9 }, () => Buffer.from('{"a":1}\n'))));
      return sorter.kept.end();
    };
    await expect(take()).rejects.toThrow('disk is full');
    await sorter.abandon();
    expect(blobs.blobs.size).toBe(2);
  });
});

/** Some bytes changed, dropped or doubled. */
function damaged(source: Buffer, seed: number): Buffer {
  const random = seededRandom(seed);
  const bytes = [...source];
  for (let n = 0; n < 4 && bytes.length > 0; n += 1) {
    const at = Math.floor(random() * bytes.length);
    const kind = Math.floor(random() * 3);
    if (kind === 0) bytes[at] = Math.floor(random() * 256);
    else if (kind === 1) bytes.splice(at, 1);
    else bytes.splice(at, 0, bytes[at]);
  }
  return Buffer.from(bytes);
}
