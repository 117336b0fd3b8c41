// SPDX-License-Identifier: Apache-2.0
import { headWidth, type LlamaConfig } from './llama-config';
import { Random } from './random';

/** One tensor of the model: its Hugging Face name, its shape (row-major) and where it starts in the flat array of all of them. */
export interface ParameterSlot {
  name: string;
  shape: number[];
  offset: number;
  length: number;
}

/** All tensors of a model in one flat float32 array, ordered so that q, k, v and gate, up are one matrix each. */
export interface ParameterLayout {
  slots: ParameterSlot[];
  byName: Map<string, ParameterSlot>;
  length: number;
}

/** The linear layers that LoRA can adapt, by their short names. */
export const LINEAR_NAMES = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;
export type LinearName = (typeof LINEAR_NAMES)[number];

export function layOutParameters(config: LlamaConfig): ParameterLayout {
  const slots: ParameterSlot[] = [];
  let length = 0;
  const add = (name: string, ...shape: number[]): void => {
    const size = shape.reduce((product, n) => product * n, 1);
    slots.push({ name, shape, offset: length, length: size });
    length += size;
  };
  const d = config.hiddenSize;
  const keyValue = config.keyValueHeads * headWidth(config);
  add('model.embed_tokens.weight', config.vocabSize, d);
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    add(`${at}.input_layernorm.weight`, d);
    add(`${at}.self_attn.q_proj.weight`, d, d);
    add(`${at}.self_attn.k_proj.weight`, keyValue, d);
    add(`${at}.self_attn.v_proj.weight`, keyValue, d);
    add(`${at}.self_attn.o_proj.weight`, d, d);
    add(`${at}.post_attention_layernorm.weight`, d);
    add(`${at}.mlp.gate_proj.weight`, config.intermediateSize, d);
    add(`${at}.mlp.up_proj.weight`, config.intermediateSize, d);
    add(`${at}.mlp.down_proj.weight`, d, config.intermediateSize);
  }
  add('model.norm.weight', d);
  return { slots, byName: new Map(slots.map((slot) => [slot.name, slot])), length };
}

export const isNorm = (slot: ParameterSlot): boolean => slot.shape.length === 1;

/** Fresh weights: normal with deviation 0.02, the two projections into the residual stream scaled by 1/sqrt(2 layers), norms 1. */
export function initialParameters(config: LlamaConfig, seed: number): Float32Array {
  const layout = layOutParameters(config);
  const values = new Float32Array(layout.length);
  const random = Random.from('initial-parameters', seed);
  for (const slot of layout.slots) {
    const residual = /(o_proj|down_proj)/.test(slot.name);
    const deviation = residual ? 0.02 / Math.sqrt(2 * config.layers) : 0.02;
    for (let i = 0; i < slot.length; i++) values[slot.offset + i] = isNorm(slot) ? 1 : random.gaussian() * deviation;
  }
  return values;
}
