// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { decodeRecord, decodeRecordsOnce, type BatchContext, type DecodedRecord } from './record-decoder-fix';
import { encodeRecord, type RecordFields } from './record-encoder-fix';

/* eslint-disable @typescript-eslint/no-require-imports -- parts of kafkajs without types */
interface Decoder {
  buffer: Buffer;
  readVarInt(): number;
  offset: number;
}
const Decoder = require('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => Decoder;
const theirs = require('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
  decoder: Decoder,
  context: BatchContext,
) => DecodedRecord;

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
const fields: fc.Arbitrary<RecordFields> = fc.record({
  offsetDelta: fc.nat({ max: 1_000_000 }),
  timestampDelta: fc.oneof(fc.nat({ max: 10_000 }), fc.integer({ min: -(2 ** 40), max: 2 ** 42 })),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(
    // kafkajs takes a header that is called as what every object has for a repeated one.
    fc.string({ maxLength: 20 }).filter((name) => !(name in {})),
    fc.oneof(bytes, fc.array(bytes, { minLength: 1, maxLength: 3 })),
  ),
});
const contexts: fc.Arbitrary<BatchContext> = fc.record({
  firstOffset: fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 62n })).map(String),
  firstTimestamp: fc.integer({ min: 0, max: 2 ** 42 }).map(String),
  magicByte: fc.constant(2),
  isControlBatch: fc.boolean(),
  timestampType: fc.constantFrom(0, 1),
  maxTimestamp: fc.integer({ min: 0, max: 2 ** 42 }).map(String),
});

/** The record without its length, as both decoders get it. */
function recordOf(each: RecordFields): Buffer {
  const decoder = new Decoder(encodeRecord(each).buffer);
  decoder.readVarInt();
  return decoder.buffer.subarray(decoder.offset);
}

describe('records of Kafka', () => {
  it('are decoded to what kafkajs makes of them', () => {
    fc.assert(
      fc.property(fields, contexts, (each, context) => {
        const record = recordOf(each);
        expect(decodeRecord(new Decoder(record), context)).toEqual(theirs(new Decoder(record), context));
      }),
      { numRuns: 500 },
    );
  });

  it('have headers only of their own, whatever these are called', () => {
    const headers = JSON.parse('{"__proto__": "polluted", "constructor": "too"}') as Record<string, string>;
    const decoded = decodeRecord({ buffer: recordOf({ headers }) }, { firstOffset: '0', firstTimestamp: '0' });
    expect(Object.getPrototypeOf(decoded.headers)).toBe(Object.prototype);
    expect(Object.entries(decoded.headers).map(([name, value]) => [name, String(value)])).toEqual([
      ['__proto__', 'polluted'],
      ['constructor', 'too'],
    ]);
  });

  it('are refused when they end too early', () => {
    const whole = recordOf({ key: 'k', value: 'value', headers: { a: 'b' } });
    for (let length = 1; length < whole.length; length += 1) {
      const cut = { buffer: whole.subarray(0, length) };
      expect(() => decodeRecord(cut, { firstOffset: '0', firstTimestamp: '0' })).toThrow(RangeError);
    }
  });

  it('are decoded so by kafkajs itself once it is told', () => {
    decodeRecordsOnce();
    decodeRecordsOnce();
    expect(require('kafkajs/src/protocol/recordBatch/record/v0/decoder')).toBe(decodeRecord);
  });
});
