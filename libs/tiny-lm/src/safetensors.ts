// SPDX-License-Identifier: Apache-2.0
import { TinyLmError } from './tiny-lm.errors';

export interface Tensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

const HEADER_BYTES_MAX = 100_000_000;

/** Writes float32 tensors in the safetensors format: 8 bytes header length, a JSON header padded to 8, then the little-endian values. */
export function writeSafetensors(tensors: readonly Tensor[], metadata: Record<string, string> = { format: 'pt' }): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const text = Buffer.from(json, 'utf8');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const bodies = tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return Buffer.concat([length, text, ...bodies]);
}

const refuse = (field: string, reason: string, cause?: unknown): never => {
  throw new TinyLmError('TINY_LM.FILE_INVALID', field, reason, { cause });
};

/** Reads every tensor; a bad header, an offset outside the file or a type other than F32 is refused, naming the tensor. */
export function readSafetensors(bytes: Buffer, file = 'model.safetensors'): Map<string, Tensor> {
  if (bytes.length < 8) refuse(file, 'is shorter than its header length');
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  if (headerBytes > Math.min(HEADER_BYTES_MAX, bytes.length - 8))
    refuse(file, `header of ${headerBytes} bytes does not fit the file`);
  let header: Record<string, { dtype?: string; shape?: number[]; data_offsets?: [number, number] }>;
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + headerBytes)) as typeof header;
  } catch (cause) {
    return refuse(file, 'header is not JSON', cause);
  }
  const body = bytes.subarray(8 + headerBytes);
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = entry;
    if (dtype !== 'F32') refuse(`${file} ${name}`, `only F32 is supported, got ${String(dtype)}`);
    if (!Array.isArray(shape) || !Array.isArray(offsets)) return refuse(`${file} ${name}`, 'lacks shape or data_offsets');
    const [start, end] = offsets;
    const size = shape.reduce((product, n) => product * n, 4);
    if (!(start >= 0 && end <= body.length && end - start === size)) {
      refuse(
        `${file} ${name}`,
        `bytes ${start}..${end} do not fit shape [${shape.join(', ')}] in a body of ${body.length} bytes`,
      );
    }
    const copy = Uint8Array.from(body.subarray(start, end));
    tensors.set(name, { name, shape, values: new Float32Array(copy.buffer) });
  }
  return tensors;
}
