// SPDX-License-Identifier: Apache-2.0
// The same decoder in float64 and plain loops, written from the published definition and sharing no code with the kernels.
import type { LlamaConfig } from '../src/llama-config';
import type { Batch } from '../src/llama-network';
import { layOutParameters } from '../src/parameters';

type Vector = Float64Array;

function reader(config: LlamaConfig, parameters: Vector): (name: string) => Vector {
  const layout = layOutParameters(config);
  return (name) => {
    const slot = layout.byName.get(name);
    if (!slot) throw new Error(name);
    return parameters.subarray(slot.offset, slot.offset + slot.length);
  };
}

const linear = (w: Vector, x: Vector): Vector =>
  Float64Array.from({ length: w.length / x.length }, (_, row) => x.reduce((sum, v, i) => sum + v * w[row * x.length + i], 0));

function rmsNorm(x: Vector, gain: Vector, epsilon: number): Vector {
  const mean = x.reduce((sum, v) => sum + v * v, 0) / x.length;
  return x.map((v, i) => (v / Math.sqrt(mean + epsilon)) * gain[i]);
}

// Turns each head's pairs (i, i + width/2) by position * theta^(-2i/width).
function rotate(x: Vector, position: number, width: number, theta: number): Vector {
  const out = x.slice();
  const half = width / 2;
  for (let head = 0; head < x.length; head += width) {
    for (let i = 0; i < half; i++) {
      const angle = position * theta ** ((-2 * i) / width);
      const [a, b] = [x[head + i], x[head + half + i]];
      out[head + i] = a * Math.cos(angle) - b * Math.sin(angle);
      out[head + half + i] = b * Math.cos(angle) + a * Math.sin(angle);
    }
  }
  return out;
}

function attend(config: LlamaConfig, q: Vector, keys: Vector[], values: Vector[]): Vector {
  const width = config.hiddenSize / config.heads;
  const out = new Float64Array(q.length);
  for (let h = 0; h < config.heads; h++) {
    const shared = Math.floor(h / (config.heads / config.keyValueHeads)) * width;
    const scores = keys.map((key) => {
      let sum = 0;
      for (let d = 0; d < width; d++) sum += q[h * width + d] * key[shared + d];
      return Math.exp(sum / Math.sqrt(width));
    });
    const total = scores.reduce((a, b) => a + b, 0);
    values.forEach((value, j) => {
      for (let d = 0; d < width; d++) out[h * width + d] += (scores[j] / total) * value[shared + d];
    });
  }
  return out;
}

/** Logits after every id of one sequence. */
export function referenceSequence(config: LlamaConfig, parameters: Vector, ids: ArrayLike<number>): Vector[] {
  const get = reader(config, parameters);
  const { hiddenSize: d, rmsNormEpsilon: epsilon, ropeTheta: theta } = config;
  const width = d / config.heads;
  const embedding = get('model.embed_tokens.weight');
  let rows = Array.from(ids, (id) => embedding.slice(id * d, (id + 1) * d));
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    const normed = rows.map((x) => rmsNorm(x, get(`${at}.input_layernorm.weight`), epsilon));
    const turn = (part: string): Vector[] =>
      normed.map((x, t) => rotate(linear(get(`${at}.self_attn.${part}.weight`), x), t, width, theta));
    const [queries, keys] = [turn('q_proj'), turn('k_proj')];
    const values = normed.map((x) => linear(get(`${at}.self_attn.v_proj.weight`), x));
    rows = rows.map((x, t) => {
      const mixed = attend(config, queries[t], keys.slice(0, t + 1), values.slice(0, t + 1));
      const projected = linear(get(`${at}.self_attn.o_proj.weight`), mixed);
      const middle = x.map((v, i) => v + projected[i]);
      const inner = rmsNorm(middle, get(`${at}.post_attention_layernorm.weight`), epsilon);
      const up = linear(get(`${at}.mlp.up_proj.weight`), inner);
      const activated = linear(get(`${at}.mlp.gate_proj.weight`), inner).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]);
      const down = linear(get(`${at}.mlp.down_proj.weight`), activated);
      return middle.map((v, i) => v + down[i]);
    });
  }
  return rows.map((x) => linear(embedding, rmsNorm(x, get('model.norm.weight'), epsilon)));
}

/** Logits of the scored positions of a batch, one row after the other. */
export function referenceLogits(config: LlamaConfig, parameters: Vector, batch: Batch): number[] {
  const all: Vector[] = [];
  for (let s = 0; s < batch.sequences; s++) {
    all.push(...referenceSequence(config, parameters, batch.ids.slice(s * batch.tokens, (s + 1) * batch.tokens)));
  }
  return Array.from(batch.scored).flatMap((position) => Array.from(all[position]));
}

/** Weighted mean cross entropy of a batch. */
export function referenceLoss(config: LlamaConfig, parameters: Vector, batch: Batch): number {
  const logits = referenceLogits(config, parameters, batch);
  const v = config.vocabSize;
  let loss = 0;
  batch.scored.forEach((_, i) => {
    const row = logits.slice(i * v, (i + 1) * v);
    const max = Math.max(...row);
    const sum = row.reduce((total, x) => total + Math.exp(x - max), 0);
    loss += batch.weights[i] * (Math.log(sum) + max - row[batch.targets[i]]);
  });
  return loss / batch.weights.reduce((a, b) => a + b, 0);
}
