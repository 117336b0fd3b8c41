// SPDX-License-Identifier: Apache-2.0
import { Arena, type Kernels } from './kernels';
import { headWidth, type LlamaConfig } from './llama-config';
import { planNetworkMemory, writeRotaryTables, type LayerMemory, type NetworkLimits, type SharedMemory } from './network-memory';
import { layOutParameters, type ParameterLayout } from './parameters';

/** One batch: `sequences` rows of `tokens` ids each, and the positions whose next token is scored. */
export interface Batch {
  sequences: number;
  tokens: number;
  ids: Int32Array;
  /** Flat indices into ids, ascending. */
  scored: Int32Array;
  /** The token that should follow each scored position. */
  targets: Int32Array;
  /** Loss weight of each scored position. */
  weights: Float32Array;
}

/** Rows, output width, input width of a linear layer; 1 as fourth adds to what is there. */
type LinearShape = [number, number, number, number?];

/**
 * Forward and backward pass of a Llama decoder in WebAssembly memory.
 *
 * Everything after the attention of the last layer works on single positions, so it is computed for the scored positions only. With loss on
 * the answer alone (a few positions of a row) that leaves out most of the last layer and nearly all of the logits; results are the same.
 */
export class LlamaNetwork {
  readonly layout: ParameterLayout;
  readonly kernels: Kernels;
  readonly floats: Float32Array;
  readonly memoryBytes: number;
  readonly rowsMax: number;
  /** Byte offsets of all parameters and of their gradients, each `layout.length` floats. */
  readonly parameters: number;
  readonly gradients: number;
  private readonly ints: Int32Array;
  private readonly width: number;
  private readonly qkvWidth: number;
  private readonly layers: LayerMemory[];
  private readonly at: SharedMemory;

  constructor(
    readonly config: LlamaConfig,
    limits: NetworkLimits,
  ) {
    this.layout = layOutParameters(config);
    this.width = headWidth(config);
    this.qkvWidth = (config.heads + 2 * config.keyValueHeads) * this.width;
    const arena = new Arena();
    const plan = planNetworkMemory(arena, config, limits);
    this.rowsMax = plan.rowsMax;
    this.parameters = plan.parameters;
    this.gradients = plan.gradients;
    this.layers = plan.layers;
    this.at = plan.shared;
    limits.extend?.(arena);
    const { kernels, floats, ints, bytes } = arena.open();
    this.kernels = kernels;
    this.floats = floats;
    this.ints = ints;
    this.memoryBytes = bytes;
    writeRotaryTables(config, floats, this.at.cos, this.at.sin);
  }

  /** Copies all parameters in, in layout order. */
  load(values: Float32Array): void {
    this.floats.set(values, this.parameters >> 2);
    this.parametersChanged();
  }

  /** A copy of all parameters. */
  snapshot(): Float32Array {
    return this.floats.slice(this.parameters >> 2, (this.parameters >> 2) + this.layout.length);
  }

  zeroGradients(): void {
    this.floats.fill(0, this.gradients >> 2, (this.gradients >> 2) + this.layout.length);
  }

  /** Must follow every change of the parameters: the forward pass reads transposed copies of the matrices. */
  parametersChanged(): void {
    const { hiddenSize: d, intermediateSize: inner, vocabSize } = this.config;
    const flip = (name: string, rows: number, columns: number): void => {
      const { offset } = this.slot(name);
      this.kernels.transpose(this.parameters + offset * 4, columns, this.at.transposed + offset * 4, rows, rows, columns);
    };
    flip('model.embed_tokens.weight', vocabSize, d);
    for (let layer = 0; layer < this.config.layers; layer++) {
      flip(`model.layers.${layer}.self_attn.q_proj.weight`, this.qkvWidth, d);
      flip(`model.layers.${layer}.self_attn.o_proj.weight`, d, d);
      flip(`model.layers.${layer}.mlp.gate_proj.weight`, 2 * inner, d);
      flip(`model.layers.${layer}.mlp.down_proj.weight`, d, inner);
    }
  }

  /** Computes the logits of the scored positions; returns their place: `scored.length` rows of vocabSize floats. */
  forward(batch: Batch): Float32Array {
    const { sequences, tokens, ids, scored } = batch;
    const { kernels: k, at, config } = this;
    const rows = sequences * tokens;
    if (rows > this.rowsMax || ids.length !== rows) throw new RangeError(`batch of ${rows} rows exceeds ${this.rowsMax}`);
    const d = config.hiddenSize;
    this.ints.set(ids, at.ids >> 2);
    this.ints.set(scored, at.scored >> 2);
    k.gatherRows(at.ids, this.weight('model.embed_tokens.weight'), this.layers[0].x, rows, d);
    for (let layer = 0; layer < config.layers; layer++) this.layerForward(layer, batch);
    k.rmsForward(at.last, this.weight('model.norm.weight'), at.final, at.root, scored.length, d, config.rmsNormEpsilon);
    const embedding = this.transposed('model.embed_tokens.weight');
    k.matmul(at.final, d, 1, embedding, config.vocabSize, at.logits, config.vocabSize, scored.length, config.vocabSize, d, 0);
    return this.floats.subarray(at.logits >> 2, (at.logits >> 2) + scored.length * config.vocabSize);
  }

  private layerForward(layer: number, batch: Batch): void {
    const { kernels: k, at, config, floats } = this;
    const { hiddenSize: d, intermediateSize: inner, heads, keyValueHeads } = config;
    const { sequences, tokens, scored } = batch;
    const m = this.layers[layer];
    const name = `model.layers.${layer}`;
    let rows = sequences * tokens;
    k.rmsForward(m.x, this.weight(`${name}.input_layernorm.weight`), m.normed1, m.root1, rows, d, config.rmsNormEpsilon);
    this.product(m.normed1, `${name}.self_attn.q_proj.weight`, m.qkv, [rows, this.qkvWidth, d]);
    k.rope(m.qkv, this.qkvWidth, rows, tokens, 0, heads + keyValueHeads, this.width, at.cos, at.sin, 1);
    k.attentionForward(m.qkv, m.attention, m.mixed, at.scratch, sequences, tokens, heads, keyValueHeads, this.width);
    if (layer === config.layers - 1) {
      rows = scored.length;
      k.gatherRows(at.scored, m.mixed, at.picked, rows, d);
      k.gatherRows(at.scored, m.x, m.x2, rows, d);
      this.product(at.picked, `${name}.self_attn.o_proj.weight`, m.x2, [rows, d, d, 1]);
    } else {
      floats.copyWithin(m.x2 >> 2, m.x >> 2, (m.x >> 2) + rows * d);
      this.product(m.mixed, `${name}.self_attn.o_proj.weight`, m.x2, [rows, d, d, 1]);
    }
    k.rmsForward(
      m.x2,
      this.weight(`${name}.post_attention_layernorm.weight`),
      m.normed2,
      m.root2,
      rows,
      d,
      config.rmsNormEpsilon,
    );
    this.product(m.normed2, `${name}.mlp.gate_proj.weight`, m.gateUp, [rows, 2 * inner, d]);
    k.swigluForward(m.gateUp, m.activated, rows, inner);
    const out = layer === config.layers - 1 ? at.last : this.layers[layer + 1].x;
    floats.copyWithin(out >> 2, m.x2 >> 2, (m.x2 >> 2) + rows * d);
    this.product(m.activated, `${name}.mlp.down_proj.weight`, out, [rows, d, inner, 1]);
  }

  /**
   * Weighted cross entropy of the last forward pass, in nats, summed and multiplied by `inverse` (1 / total weight of the step).
   * Leaves the gradient in place of the logits; backward() continues from it.
   */
  loss(batch: Batch, inverse: number): number {
    const { kernels: k, at, config } = this;
    const n = batch.scored.length;
    this.ints.set(batch.targets, at.targets >> 2);
    this.floats.set(batch.weights, at.weights >> 2);
    k.crossEntropy(at.logits, at.targets, at.weights, at.losses, n, config.vocabSize, inverse);
    let total = 0;
    for (let i = 0; i < n; i++) {
      const p = (at.losses >> 2) + 3 * i;
      total += batch.weights[i] * (Math.log(this.floats[p + 1]) + this.floats[p] - this.floats[p + 2]);
    }
    return total * inverse;
  }

  /** Adds the gradients of the last loss() into `gradients`. */
  backward(batch: Batch): void {
    const { kernels: k, at, config } = this;
    const d = config.hiddenSize;
    const n = batch.scored.length;
    const vocab = config.vocabSize;
    k.matmul(at.logits, 1, vocab, at.final, d, this.gradient('model.embed_tokens.weight'), d, vocab, d, n, 1);
    k.matmul(at.logits, vocab, 1, this.weight('model.embed_tokens.weight'), d, at.dNormed, d, n, d, vocab, 0);
    this.floats.fill(0, at.dPicked >> 2, (at.dPicked >> 2) + n * d);
    k.rmsBackward(
      at.last,
      this.weight('model.norm.weight'),
      at.root,
      at.dNormed,
      at.dPicked,
      this.gradient('model.norm.weight'),
      n,
      d,
    );
    for (let layer = config.layers - 1; layer >= 0; layer--) this.layerBackward(layer, batch);
    k.scatterAddRows(at.ids, at.dx, this.gradient('model.embed_tokens.weight'), batch.sequences * batch.tokens, d);
  }

  private layerBackward(layer: number, batch: Batch): void {
    const { kernels: k, at, config, floats } = this;
    const { hiddenSize: d, intermediateSize: inner, heads, keyValueHeads } = config;
    const { sequences, tokens, scored } = batch;
    const m = this.layers[layer];
    const name = `model.layers.${layer}`;
    const all = sequences * tokens;
    const isLast = layer === config.layers - 1;
    const rows = isLast ? scored.length : all;
    const dx = isLast ? at.dPicked : at.dx;
    this.productBackward(`${name}.mlp.down_proj.weight`, { dy: dx, x: m.activated, dx: at.dWide }, [rows, d, inner]);
    k.swigluBackward(m.gateUp, at.dWide, at.dGateUp, rows, inner);
    this.productBackward(`${name}.mlp.gate_proj.weight`, { dy: at.dGateUp, x: m.normed2, dx: at.dNormed }, [rows, 2 * inner, d]);
    const norm2 = `${name}.post_attention_layernorm.weight`;
    k.rmsBackward(m.x2, this.weight(norm2), m.root2, at.dNormed, dx, this.gradient(norm2), rows, d);
    this.productBackward(`${name}.self_attn.o_proj.weight`, { dy: dx, x: isLast ? at.picked : m.mixed, dx: at.dNormed }, [
      rows,
      d,
      d,
    ]);
    let dMixed = at.dNormed;
    if (isLast) {
      // Back from the scored positions to all of them; the others had no part in the loss after this layer's attention.
      floats.fill(0, at.dWide >> 2, (at.dWide >> 2) + all * d);
      k.scatterAddRows(at.scored, at.dNormed, at.dWide, rows, d);
      floats.fill(0, at.dx >> 2, (at.dx >> 2) + all * d);
      k.scatterAddRows(at.scored, at.dPicked, at.dx, rows, d);
      dMixed = at.dWide;
    }
    k.attentionBackward(m.qkv, m.attention, dMixed, at.dQkv, at.scratch, sequences, tokens, heads, keyValueHeads, this.width);
    k.rope(at.dQkv, this.qkvWidth, all, tokens, 0, heads + keyValueHeads, this.width, at.cos, at.sin, -1);
    this.productBackward(`${name}.self_attn.q_proj.weight`, { dy: at.dQkv, x: m.normed1, dx: at.dNormed }, [
      all,
      this.qkvWidth,
      d,
    ]);
    const norm1 = `${name}.input_layernorm.weight`;
    k.rmsBackward(m.x, this.weight(norm1), m.root1, at.dNormed, at.dx, this.gradient(norm1), all, d);
  }

  // output[rows, out] (+)= x[rows, in] W^T
  private product(x: number, name: string, output: number, shape: LinearShape): void {
    const [rows, out, inner, add] = shape;
    this.kernels.matmul(x, inner, 1, this.transposed(name), out, output, out, rows, out, inner, add ?? 0);
  }

  // dW += dy^T x; dx = dy W
  private productBackward(name: string, from: { dy: number; x: number; dx: number }, shape: LinearShape): void {
    const [rows, out, inner] = shape;
    this.kernels.matmul(from.dy, 1, out, from.x, inner, this.gradient(name), inner, out, inner, rows, 1);
    this.kernels.matmul(from.dy, out, 1, this.weight(name), inner, from.dx, inner, rows, inner, out, 0);
  }

  private slot(name: string): { offset: number } {
    const slot = this.layout.byName.get(name);
    if (!slot) throw new Error(`no parameter ${name}`);
    return slot;
  }

  private weight = (name: string): number => this.parameters + this.slot(name).offset * 4;
  private gradient = (name: string): number => this.gradients + this.slot(name).offset * 4;
  private transposed = (name: string): number => this.at.transposed + this.slot(name).offset * 4;
}
