// SPDX-License-Identifier: Apache-2.0
import { CompressionTypes } from 'kafkajs';
import { registerCodecs } from './codecs';
import { standingIn, UNREADABLE_BATCH_HEADER } from './unreadable-batch-fix';

/* eslint-disable @typescript-eslint/no-require-imports -- parts of kafkajs without types */
interface Decoder {
  buffer: Buffer;
  offset: number;
}
interface Decoded {
  offset: string;
  value: Buffer;
  headers: Record<string, Buffer>;
}
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (fields: object) => Promise<{ buffer: Buffer }>;
};
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (fields: object) => unknown;
const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder') as Parameters<typeof standingIn>[0];
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => Decoder;
const Long = require('kafkajs/src/utils/long') as { fromValue(value: number): unknown };

describe('a batch that cannot be unpacked', () => {
  registerCodecs();
  const read = standingIn(decode);

  async function batch(firstOffset: number, values: string[]): Promise<Buffer> {
    const records = values.map((value, offsetDelta) => Record({ offsetDelta, value }));
    const fields = { compression: CompressionTypes.GZIP, firstOffset: Long.fromValue(firstOffset), records };
    return (await RecordBatch({ ...fields, maxTimestamp: 1_700_000_000_000, lastOffsetDelta: values.length - 1 })).buffer;
  }
  /** Breaks the packed bytes, which begin behind the number of records. */
  const broken = (bytes: Buffer): Buffer => Buffer.from(bytes).fill(0xff, 61, 71);

  it('becomes one message at its last offset, with its bytes and the reason, and reading goes on behind it', async () => {
    const bad = broken(await batch(10, ['a', 'b', 'c']));
    const decoder = new Decoder(Buffer.concat([bad, await batch(13, ['d'])]));
    const [message] = (await read(decoder)).records as Decoded[];
    expect(message).toMatchObject({ offset: '12', key: null, timestamp: '1700000000000', isControlRecord: false });
    expect(message.value.equals(bad.subarray(61))).toBe(true);
    expect(String(message.headers[UNREADABLE_BATCH_HEADER])).toMatch(/^3 messages from offset 10 cannot be unpacked: .*header/);
    const [next] = (await read(decoder)).records as Decoded[];
    expect([next.offset, String(next.value)]).toEqual(['13', 'd']);
  });

  it('is not one that the end of a fetch cut in two', async () => {
    const whole = await batch(0, ['a', 'b']);
    await expect(read(new Decoder(whole.subarray(0, whole.length - 1)))).rejects.toThrow(/partial/);
  });
});
