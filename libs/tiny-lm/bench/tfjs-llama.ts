// SPDX-License-Identifier: Apache-2.0
// The same decoder on TensorFlow.js with its WebAssembly backend: the baseline of bench-train, and a second opinion on losses and gradients.
import '@tensorflow/tfjs-layers'; // registers the gradients that core alone lacks
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { headWidth, layOutParameters, type Batch, type LlamaConfig } from '../src/index';

type Weights = Map<string, tf.Variable>;

export async function startTfjs(): Promise<void> {
  await tf.setBackend('wasm');
  await tf.ready();
}

export class TfjsLlama {
  private readonly weights: Weights;
  private readonly optimizer: tf.AdamOptimizer;

  constructor(
    private readonly config: LlamaConfig,
    parameters: Float32Array,
    learningRate: number,
  ) {
    this.weights = new Map(
      layOutParameters(config).slots.map(({ name, shape, offset, length }) => [
        name,
        tf.variable(tf.tensor(parameters.slice(offset, offset + length), shape), true, undefined, 'float32'),
      ]),
    );
    this.optimizer = tf.train.adam(learningRate, 0.9, 0.98, 1e-8);
  }

  /** One Adam step without clipping; every position of the batch is scored. Returns the loss before it. */
  async step(batch: Batch): Promise<number> {
    const loss = this.optimizer.minimize(() => this.loss(batch), true, [...this.weights.values()]);
    const value = loss ? (await loss.data())[0] : NaN;
    loss?.dispose();
    return value;
  }

  private weight(name: string): tf.Variable {
    const weight = this.weights.get(name);
    if (!weight) throw new Error(name);
    return weight;
  }

  private loss(batch: Batch): tf.Scalar {
    const { sequences: b, tokens: t } = batch;
    const { vocabSize, layers } = this.config;
    const embedding = this.weight('model.embed_tokens.weight');
    // A product with one-hot rows: the gradient of gather is not available for every backend.
    const oneHotIds = tf.cast(tf.oneHot(tf.tensor1d(batch.ids, 'int32'), vocabSize), 'float32');
    let x: tf.Tensor2D = tf.matMul(oneHotIds, embedding);
    for (let layer = 0; layer < layers; layer++) x = this.layer(x, `model.layers.${layer}`, b, t);
    const final = this.norm(x, 'model.norm.weight');
    const logits = tf.matMul(final, embedding, false, true);
    const targets = tf.cast(tf.oneHot(tf.tensor1d(batch.targets, 'int32'), vocabSize), 'float32');
    const max = tf.max(logits, 1, true);
    const shifted = tf.sub(logits, max);
    const logSum = tf.log(tf.sum(tf.exp(shifted), 1, true));
    return tf.mul(tf.sum(tf.mul(targets, tf.sub(shifted, logSum))), tf.scalar(-1 / (b * t)));
  }

  private layer(x: tf.Tensor2D, name: string, b: number, t: number): tf.Tensor2D {
    const { hiddenSize: d, heads } = this.config;
    const width = headWidth(this.config);
    const normed = this.norm(x, `${name}.input_layernorm.weight`);
    const split = (part: string): tf.Tensor =>
      tf.transpose(tf.reshape(this.linear(normed, `${name}.self_attn.${part}.weight`), [b, t, heads, width]), [0, 2, 1, 3]);
    const q = this.rotate(split('q_proj'), t);
    const k = this.rotate(split('k_proj'), t);
    const scores = tf.mul(tf.matMul(q, k, false, true), tf.scalar(1 / Math.sqrt(width)));
    const mask = tf.tensor(Array.from({ length: t }, (_, i) => Array.from({ length: t }, (__, j) => (j <= i ? 0 : -1e9))));
    const mixed = tf.matMul(tf.softmax(tf.add(scores, mask)), split('v_proj'));
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [b * t, d]);
    const middle: tf.Tensor2D = tf.add(x, this.linear(joined as tf.Tensor2D, `${name}.self_attn.o_proj.weight`));
    const inner = this.norm(middle, `${name}.post_attention_layernorm.weight`);
    const gate = this.linear(inner, `${name}.mlp.gate_proj.weight`);
    const activated: tf.Tensor2D = tf.mul(tf.mul(gate, tf.sigmoid(gate)), this.linear(inner, `${name}.mlp.up_proj.weight`));
    return tf.add(middle, this.linear(activated, `${name}.mlp.down_proj.weight`));
  }

  private linear(x: tf.Tensor2D, name: string): tf.Tensor2D {
    return tf.matMul(x, this.weight(name), false, true);
  }

  private norm(x: tf.Tensor2D, name: string): tf.Tensor2D {
    const mean = tf.mean(tf.square(x), 1, true);
    return tf.mul(tf.mul(x, tf.rsqrt(tf.add(mean, tf.scalar(this.config.rmsNormEpsilon)))), this.weight(name));
  }

  // x: [b, heads, t, width]
  private rotate(x: tf.Tensor, t: number): tf.Tensor {
    const width = headWidth(this.config);
    const half = width / 2;
    const angle = (p: number, i: number): number => p * this.config.ropeTheta ** (-i / half);
    const table = (f: (angle: number) => number): tf.Tensor =>
      tf.tensor(Array.from({ length: t }, (_, p) => Array.from({ length: half }, (__, i) => f(angle(p, i)))));
    const [cos, sin] = [table(Math.cos), table(Math.sin)];
    const [first, second] = tf.split(x, 2, 3);
    return tf.concat([tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))], 3);
  }
}
