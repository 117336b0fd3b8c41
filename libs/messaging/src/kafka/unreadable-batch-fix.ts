// SPDX-License-Identifier: Apache-2.0

/** On the one message that stands for a batch which cannot be unpacked: why not. */
export const UNREADABLE_BATCH_HEADER = 'millrace-unreadable-batch';

/** kafkajs' reader of a fetch response: it reads on from `offset`. */
interface Decoder {
  buffer: Buffer;
  offset: number;
}

interface Batch {
  firstOffset: string;
  records: unknown[];
}

type DecodeBatch = (decoder: Decoder) => Promise<Batch>;

const MODULE = 'kafkajs/src/protocol/recordBatch/v0/decoder';
/** Where the fields of a record batch (magic 2) stand, in bytes. */
const AT = { attributes: 21, lastOffsetDelta: 23, maxTimestamp: 35, producerId: 43, recordCount: 57, records: 61 } as const;
const TRANSACTIONAL = 0x10;
const PATCHED = Symbol.for('millrace.kafkajs.unreadable-batch-fix');

/**
 * A batch that kafkajs 2.2.4 cannot unpack (a compression bomb above our bound, an unknown codec) fails the whole fetch, at the same
 * place for ever: anybody who may write to a topic could stop its consumers. Such a batch becomes one message at its last offset, with
 * the packed bytes as value and the reason in a header; the consumer host puts it aside like every poison. Must be called before the
 * first fetch; kafkajs loads its own decoder then.
 */
export function standInForUnreadableBatches(): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const original = require(MODULE) as DecodeBatch & { [PATCHED]?: true };
  const loaded = require.cache[require.resolve(MODULE)];
  if (original[PATCHED] || !loaded) return;
  loaded.exports = Object.assign(standingIn(original), { [PATCHED]: true });
}

/** The decoder with a stand-in for what it cannot read. */
export function standingIn(decode: DecodeBatch): DecodeBatch {
  return async (decoder) => {
    const start = decoder.offset;
    try {
      return await decode(decoder);
    } catch (error) {
      // The end of a fetch may cut a batch in two: kafkajs asks for it again.
      if ((error as Error).name === 'KafkaJSPartialMessageError') throw error;
      return standIn(decoder.buffer.subarray(start, decoder.offset), error as Error);
    }
  };
}

function standIn(bytes: Buffer, error: Error): Batch {
  const firstOffset = bytes.readBigInt64BE(0);
  const record = {
    magicByte: 2,
    attributes: 0,
    timestamp: bytes.readBigInt64BE(AT.maxTimestamp).toString(),
    offset: (firstOffset + BigInt(bytes.readInt32BE(AT.lastOffsetDelta))).toString(),
    key: null,
    value: Buffer.from(bytes.subarray(AT.records)),
    headers: {
      [UNREADABLE_BATCH_HEADER]: Buffer.from(
        `${bytes.readInt32BE(AT.recordCount)} messages from offset ${firstOffset} cannot be unpacked: ${error.message}`,
      ),
    },
    isControlRecord: false,
    // By these kafkajs leaves out what a producer took back.
    batchContext: {
      producerId: bytes.readBigInt64BE(AT.producerId).toString(),
      inTransaction: (bytes.readInt16BE(AT.attributes) & TRANSACTIONAL) > 0,
    },
  };
  return { firstOffset: firstOffset.toString(), records: [record] };
}
