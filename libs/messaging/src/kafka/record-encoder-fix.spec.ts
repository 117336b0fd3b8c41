// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { encodeRecord, encodeRecordsOnce, type RecordFields } from './record-encoder-fix';

interface Encoder {
  buffer: Buffer;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports
const theirs = require('kafkajs/src/protocol/recordBatch/record/v0') as (fields: RecordFields) => Encoder;

const bytes = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
);
const fields: fc.Arbitrary<RecordFields> = fc.record(
  {
    offsetDelta: fc.nat({ max: 1_000_000 }),
    timestampDelta: fc.oneof(fc.nat({ max: 10_000 }), fc.integer({ min: 0, max: 2 ** 42 })),
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(fc.string({ maxLength: 20 }), fc.oneof(bytes, fc.array(bytes, { maxLength: 3 }))),
  },
  { requiredKeys: [] },
);

describe('records of Kafka', () => {
  it('are encoded byte for byte as kafkajs does', () => {
    fc.assert(
      fc.property(fields, (each) => {
        expect(encodeRecord(each).buffer.toString('hex')).toBe(theirs(each).buffer.toString('hex'));
      }),
      { numRuns: 500 },
    );
  });

  it.each([0, 63, 64, 8191, 8192, 1 << 20])('have the length of a value of %i bytes', (length) => {
    const value = Buffer.alloc(length, 7);
    expect(encodeRecord({ value }).buffer.equals(theirs({ value }).buffer)).toBe(true);
  });

  it('are encoded so by kafkajs itself once it is told', () => {
    encodeRecordsOnce();
    encodeRecordsOnce();
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    expect(require('kafkajs/src/protocol/recordBatch/record/v0')).toBe(encodeRecord);
  });
});
