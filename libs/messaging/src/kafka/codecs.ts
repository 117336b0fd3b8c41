// SPDX-License-Identifier: Apache-2.0
import { promisify } from 'node:util';
import { gzip, unzip } from 'node:zlib';
import { Decompress as ZstdStream } from 'fzstd';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';

/** What kafkajs hands to a codec for compressing. */
interface Encoder {
  buffer: Buffer;
}

interface Codec {
  compress(encoder: Encoder): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

interface Lz4 {
  compress(bytes: Uint8Array): Uint8Array;
  decompress(bytes: Uint8Array, sizeMax?: number): Uint8Array;
}

/** A record batch is at most a few MiB on the wire; what unpacks to more than this is no batch of ours but an attack. */
export const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

let registered = false;

/**
 * Teaches kafkajs the codecs that producers in other languages use by default. Without them one compressed batch stops a
 * consumer for good ("not implemented" is not retriable). We never compress with zstd ourselves, we only read it.
 */
export function registerCodecs(): void {
  if (registered) return;
  registered = true;
  // Neither package has types.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const snappy = require('kafkajs-snappy') as () => Codec;
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const lz4 = require('lz4js') as Lz4;
  CompressionCodecs[CompressionTypes.Snappy] = snappy;
  // The one of kafkajs unpacks whatever it is given.
  CompressionCodecs[CompressionTypes.GZIP] = (): Codec => ({
    compress: ({ buffer }) => promisify(gzip)(buffer),
    decompress: async (buffer) => promisify(unzip)(buffer, { maxOutputLength: UNPACKED_BYTES_MAX }),
  });
  CompressionCodecs[CompressionTypes.LZ4] = (): Codec => ({
    compress: async ({ buffer }) => Buffer.from(lz4.compress(buffer)),
    decompress: async (buffer) => bounded(lz4.decompress(buffer, UNPACKED_BYTES_MAX)),
  });
  CompressionCodecs[CompressionTypes.ZSTD] = (): Codec => ({
    compress: async () => {
      throw new Error('Millrace reads zstd but does not write it');
    },
    decompress: async (buffer) => unpackZstd(buffer),
  });
}

// Block by block: one of four bytes may stand for 2 MiB, and a check at the end would come after the process is out of memory.
function unpackZstd(buffer: Buffer): Buffer {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const stream = new ZstdStream((part) => {
    bytes += part.byteLength;
    if (bytes > UNPACKED_BYTES_MAX) throw new Error(`a record batch unpacks to more than ${UNPACKED_BYTES_MAX} bytes`);
    parts.push(part);
  });
  stream.push(buffer, true);
  return Buffer.concat(parts, bytes);
}

function bounded(bytes: Uint8Array): Buffer {
  if (bytes.byteLength > UNPACKED_BYTES_MAX) throw new Error(`a record batch unpacks to ${bytes.byteLength} bytes`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
