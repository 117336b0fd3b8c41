// SPDX-License-Identifier: Apache-2.0
import { Arena, type Kernels } from './kernels';
import { headWidth, type LlamaConfig } from './llama-config';
import { writeRotaryTables } from './network-memory';
import { layOutParameters, type ParameterLayout } from './parameters';

/** Runs one sequence forward piece by piece, keeping keys and values, so that each further token costs one row of work. */
export class CachedDecoder {
  readonly memoryBytes: number;
  /** Tokens in the cache. */
  position = 0;
  private readonly layout: ParameterLayout;
  private readonly kernels: Kernels;
  private readonly floats: Float32Array;
  private readonly ints: Int32Array;
  private readonly width: number;
  private readonly qkvWidth: number;
  private readonly caches: { keys: number; values: number }[] = [];
  private readonly at: Record<
    | 'weights'
    | 'transposed'
    | 'ids'
    | 'cos'
    | 'sin'
    | 'x'
    | 'normed'
    | 'root'
    | 'qkv'
    | 'mixed'
    | 'gateUp'
    | 'activated'
    | 'scores'
    | 'logits',
    number
  >;

  constructor(
    private readonly config: LlamaConfig,
    parameters: Float32Array,
  ) {
    this.layout = layOutParameters(config);
    this.width = headWidth(config);
    this.qkvWidth = (config.heads + 2 * config.keyValueHeads) * this.width;
    const { hiddenSize: d, intermediateSize: inner, contextTokens: n, vocabSize, keyValueHeads } = config;
    const arena = new Arena();
    for (let layer = 0; layer < config.layers; layer++) {
      const size = n * keyValueHeads * this.width;
      this.caches.push({ keys: arena.reserve(size), values: arena.reserve(size) });
    }
    this.at = {
      weights: arena.reserve(this.layout.length),
      transposed: arena.reserve(this.layout.length),
      ids: arena.reserve(n),
      cos: arena.reserve((n * this.width) / 2),
      sin: arena.reserve((n * this.width) / 2),
      x: arena.reserve(n * d),
      normed: arena.reserve(n * d),
      root: arena.reserve(n),
      qkv: arena.reserve(n * this.qkvWidth),
      mixed: arena.reserve(n * d),
      gateUp: arena.reserve(n * 2 * inner),
      activated: arena.reserve(n * inner),
      scores: arena.reserve(n),
      logits: arena.reserve(vocabSize),
    };
    const { kernels, floats, ints, bytes } = arena.open();
    this.kernels = kernels;
    this.floats = floats;
    this.ints = ints;
    this.memoryBytes = bytes;
    writeRotaryTables(config, floats, this.at.cos, this.at.sin);
    floats.set(parameters, this.at.weights >> 2);
    for (const [name, rows, columns] of this.matrices()) {
      const offset = this.offset(name);
      kernels.transpose(this.at.weights + offset, columns, this.at.transposed + offset, rows, rows, columns);
    }
  }

  /** Forgets the sequence. */
  reset(): void {
    this.position = 0;
  }

  /**
   * Appends ids to the sequence and returns the logits that follow the last one (a view, valid until the next call). The caller keeps the
   * sequence within the context.
   */
  append(ids: readonly number[]): Float32Array {
    const { kernels: k, at, config } = this;
    const { hiddenSize: d, vocabSize, layers } = config;
    const n = ids.length;
    if (n === 0 || this.position + n > config.contextTokens)
      throw new RangeError(`cannot append ${n} tokens at ${this.position}`);
    this.ints.set(ids, at.ids >> 2);
    k.gatherRows(at.ids, at.weights + this.offset('model.embed_tokens.weight'), at.x, n, d);
    for (let layer = 0; layer < layers; layer++) this.layer(layer, n);
    this.position += n;
    const last = at.x + (n - 1) * d * 4;
    k.rmsForward(last, at.weights + this.offset('model.norm.weight'), at.normed, at.root, 1, d, config.rmsNormEpsilon);
    this.product(at.normed, 'model.embed_tokens.weight', at.logits, [1, vocabSize, d]);
    return this.floats.subarray(at.logits >> 2, (at.logits >> 2) + vocabSize);
  }

  private layer(layer: number, n: number): void {
    const { kernels: k, at, config, width, qkvWidth, position } = this;
    const { hiddenSize: d, intermediateSize: inner, heads, keyValueHeads: groups, contextTokens, rmsNormEpsilon } = config;
    const { keys, values } = this.caches[layer];
    const name = `model.layers.${layer}`;
    k.rmsForward(at.x, at.weights + this.offset(`${name}.input_layernorm.weight`), at.normed, at.root, n, d, rmsNormEpsilon);
    this.product(at.normed, `${name}.self_attn.q_proj.weight`, at.qkv, [n, qkvWidth, d]);
    k.rope(at.qkv, qkvWidth, n, n, position, heads + groups, width, at.cos, at.sin, 1);
    for (let g = 0; g < groups; g++) {
      const key = at.qkv + (heads + g) * width * 4;
      k.transpose(key, qkvWidth, keys + (g * width * contextTokens + position) * 4, contextTokens, n, width);
    }
    for (let i = 0; i < n; i++) {
      const value = (at.qkv >> 2) + i * qkvWidth + (heads + groups) * width;
      this.floats.copyWithin((values >> 2) + (position + i) * groups * width, value, value + groups * width);
    }
    k.attentionCached(at.qkv, qkvWidth, keys, values, at.mixed, at.scores, n, position, contextTokens, heads, groups, width);
    this.product(at.mixed, `${name}.self_attn.o_proj.weight`, at.x, [n, d, d, 1]);
    k.rmsForward(
      at.x,
      at.weights + this.offset(`${name}.post_attention_layernorm.weight`),
      at.normed,
      at.root,
      n,
      d,
      rmsNormEpsilon,
    );
    this.product(at.normed, `${name}.mlp.gate_proj.weight`, at.gateUp, [n, 2 * inner, d]);
    k.swigluForward(at.gateUp, at.activated, n, inner);
    this.product(at.activated, `${name}.mlp.down_proj.weight`, at.x, [n, d, inner, 1]);
  }

  private product(x: number, name: string, output: number, shape: [number, number, number, number?]): void {
    const [rows, out, inner, add] = shape;
    this.kernels.matmul(x, inner, 1, this.at.transposed + this.offset(name), out, output, out, rows, out, inner, add ?? 0);
  }

  private matrices(): [string, number, number][] {
    const { hiddenSize: d, intermediateSize: inner, vocabSize, layers } = this.config;
    const list: [string, number, number][] = [['model.embed_tokens.weight', vocabSize, d]];
    for (let layer = 0; layer < layers; layer++) {
      const name = `model.layers.${layer}`;
      list.push([`${name}.self_attn.q_proj.weight`, this.qkvWidth, d], [`${name}.self_attn.o_proj.weight`, d, d]);
      list.push([`${name}.mlp.gate_proj.weight`, 2 * inner, d], [`${name}.mlp.down_proj.weight`, d, inner]);
    }
    return list;
  }

  private offset(name: string): number {
    const slot = this.layout.byName.get(name);
    if (!slot) throw new Error(`no parameter ${name}`);
    return slot.offset * 4;
  }
}
