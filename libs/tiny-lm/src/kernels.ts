// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The exports of wasm/kernels.wasm; assembly/kernels.ts says what each does. Pointers are byte offsets, strides are in elements. */
export interface Kernels {
  matmul(
    a: number, ai: number, ak: number, b: number, ldb: number, c: number, ldc: number,
    m: number, n: number, k: number, accumulate: number,
  ): void; // prettier-ignore
  transpose(a: number, lda: number, out: number, ldo: number, m: number, n: number): void;
  gatherRows(ids: number, table: number, out: number, n: number, width: number): void;
  scatterAddRows(ids: number, rows: number, table: number, n: number, width: number): void;
  addInto(a: number, b: number, n: number): void;
  scale(a: number, out: number, n: number, factor: number): void;
  rmsForward(x: number, g: number, out: number, rs: number, n: number, width: number, eps: number): void;
  rmsBackward(x: number, g: number, rs: number, dy: number, dx: number, dg: number, n: number, width: number): void;
  rope(
    x: number, ld: number, n: number, period: number, pos0: number, heads: number, headWidth: number,
    cos: number, sin: number, sign: number,
  ): void; // prettier-ignore
  attentionForward(
    qkv: number, att: number, y: number, scratch: number, batch: number, tokens: number, heads: number,
    kvHeads: number, headWidth: number,
  ): void; // prettier-ignore
  attentionBackward(
    qkv: number, att: number, dy: number, dqkv: number, scratch: number, batch: number, tokens: number,
    heads: number, kvHeads: number, headWidth: number,
  ): void; // prettier-ignore
  attentionCached(
    q: number, ldq: number, keys: number, values: number, y: number, scores: number, n: number, pos0: number,
    context: number, heads: number, kvHeads: number, headWidth: number,
  ): void; // prettier-ignore
  swigluForward(gateUp: number, out: number, n: number, width: number): void;
  swigluBackward(gateUp: number, dout: number, dgateUp: number, n: number, width: number): void;
  crossEntropy(logits: number, targets: number, weights: number, out: number, n: number, vocab: number, inverse: number): void;
  sumSquares(values: number, n: number): number;
  adamw(
    p: number, g: number, m: number, v: number, n: number, learningRate: number, beta1: number, beta2: number,
    epsilon: number, c1: number, c2: number, gradientScale: number, weightDecay: number,
  ): void; // prettier-ignore
}

/** Path of a file of this package, from the TypeScript source and from dist alike: the first parent that holds libs/tiny-lm/<path>. */
export function packageFile(path: string): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const candidate = join(folder, 'libs', 'tiny-lm', path);
    if (existsSync(join(folder, 'package.json')) && existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) throw new Error(`libs/tiny-lm/${path} not found above ${__dirname}`);
  }
}

let compiled: WebAssembly.Module | undefined;

/** Linear memory planned before it exists: reserve() every array, then open() once. */
export class Arena {
  // The module keeps its own constants below one page.
  private top = 65_536;

  /** Byte offset of `count` 4-byte elements, 16-byte aligned. */
  reserve(count: number): number {
    const offset = this.top;
    this.top += Math.ceil(count / 4) * 16;
    return offset;
  }

  open(): { kernels: Kernels; floats: Float32Array; ints: Int32Array; bytes: number } {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((this.top + 64) / 65_536) });
    compiled ??= new WebAssembly.Module(readFileSync(packageFile('wasm/kernels.wasm')));
    const instance = new WebAssembly.Instance(compiled, { env: { memory } });
    const { buffer } = memory;
    return {
      kernels: instance.exports as unknown as Kernels,
      floats: new Float32Array(buffer),
      ints: new Int32Array(buffer),
      bytes: buffer.byteLength,
    };
  }
}
