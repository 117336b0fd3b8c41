// SPDX-License-Identifier: Apache-2.0
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { decompress as zstdDecompress } from 'fzstd';

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

// A record batch is at most a few MiB on the wire; what unpacks to more than this is no batch of ours but an attack.
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;

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
  CompressionCodecs[CompressionTypes.LZ4] = (): Codec => ({
    compress: async ({ buffer }) => Buffer.from(lz4.compress(buffer)),
    decompress: async (buffer) => bounded(lz4.decompress(buffer, UNPACKED_BYTES_MAX)),
  });
  CompressionCodecs[CompressionTypes.ZSTD] = (): Codec => ({
    compress: async () => {
      throw new Error('Millrace reads zstd but does not write it');
    },
    decompress: async (buffer) => bounded(zstdDecompress(buffer)),
  });
}

function bounded(bytes: Uint8Array): Buffer {
  if (bytes.byteLength > UNPACKED_BYTES_MAX) throw new Error(`a record batch unpacks to ${bytes.byteLength} bytes`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
