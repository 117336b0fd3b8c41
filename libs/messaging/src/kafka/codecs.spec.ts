// SPDX-License-Identifier: Apache-2.0
import { gzipSync } from 'node:zlib';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { registerCodecs, UNPACKED_BYTES_MAX } from './codecs';

interface Codec {
  decompress(buffer: Buffer): Promise<Buffer>;
}

describe('codecs of record batches', () => {
  registerCodecs();
  const codec = (type: CompressionTypes): Codec => (CompressionCodecs as Record<number, () => Codec>)[type]();

  // RFC 8878: a frame without content size, window 128 KiB, and blocks that repeat one byte.
  function zstdOfRepeats(blocks: number, blockBytes: number): Buffer {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
    const header = (last: boolean): Buffer => {
      const value = (blockBytes << 3) | (1 << 1) | Number(last);
      return Buffer.from([value & 0xff, (value >> 8) & 0xff, value >> 16, 0x61]);
    };
    return Buffer.concat([frame, ...Array.from({ length: blocks }, (_, index) => header(index === blocks - 1))]);
  }

  it('unpack gzip and zstd', async () => {
    expect(await codec(CompressionTypes.GZIP).decompress(gzipSync('events'))).toEqual(Buffer.from('events'));
    const unpacked = await codec(CompressionTypes.ZSTD).decompress(zstdOfRepeats(3, 100_000));
    expect(unpacked.equals(Buffer.alloc(300_000, 'a'))).toBe(true);
  });

  it('refuse a gzip bomb and a zstd bomb before they fill the memory', async () => {
    const before = process.memoryUsage().arrayBuffers;
    await expect(codec(CompressionTypes.GZIP).decompress(gzipSync(Buffer.alloc(UNPACKED_BYTES_MAX + 1)))).rejects.toThrow(
      /larger than/,
    );
    // 1 MiB that stands for 34 GB.
    await expect(codec(CompressionTypes.ZSTD).decompress(zstdOfRepeats(262_144, 131_072))).rejects.toThrow(
      /unpacks to more than/,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * UNPACKED_BYTES_MAX);
  });
});
