// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto';
import { invalidFields, isAppError } from '#libs/errors';
import { DatasetErrors } from '../datasets/datasets.errors';

export const uploadFormats = ['jsonl', 'csv', 'parquet'] as const;
export type UploadFormat = (typeof uploadFormats)[number];

/** Throws INVALID_ARGUMENT naming `format`. */
export function checkFormat(format: string): asserts format is UploadFormat {
  if (!(uploadFormats as readonly string[]).includes(format)) {
    throw invalidFields({
      field: 'format',
      message: `must be one of ${uploadFormats.join(', ')}, not ${JSON.stringify(format)}`,
    });
  }
}

/** Counts the bytes that pass, hashes them where somebody will compare, and refuses more than the bound. */
export class MeasuredBytes {
  bytes = 0;
  private readonly hash?: Hash;

  constructor(
    private readonly source: AsyncIterable<Buffer>,
    private readonly bytesMax: number,
    { hashed }: { hashed: boolean },
  ) {
    if (hashed) this.hash = createHash('sha256');
  }

  async *read(): AsyncGenerator<Buffer> {
    for await (const chunk of this.fromSource()) {
      this.bytes += chunk.length;
      if (this.bytes > this.bytesMax) throw DatasetErrors.UPLOAD_TOO_LARGE(`an upload has at most ${this.bytesMax} bytes`);
      this.hash?.update(chunk);
      yield chunk;
    }
  }

  /** What the source throws means that the client went away or broke off; what a reader throws stays what it is. */
  private async *fromSource(): AsyncGenerator<Buffer> {
    const parts = this.source[Symbol.asyncIterator]();
    for (;;) {
      let next: IteratorResult<Buffer>;
      try {
        next = await parts.next();
      } catch (error) {
        if (isAppError(error) && error.kind === 'invalid') throw error;
        throw DatasetErrors.UPLOAD_INCOMPLETE('the upload ended before its last byte', { bytesRead: this.bytes }, error);
      }
      if (next.done) return;
      yield next.value;
    }
  }

  /** sha256 (hex) of all bytes; undefined when they were not hashed. */
  digest(): string | undefined {
    return this.hash?.digest('hex');
  }
}
