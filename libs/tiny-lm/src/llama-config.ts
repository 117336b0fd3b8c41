// SPDX-License-Identifier: Apache-2.0
import { TinyLmError } from './tiny-lm.errors';

/** Shape of a Llama decoder: RMSNorm, rotary positions, SwiGLU, tied embeddings, grouped key-value heads. Sizes are counts. */
export interface LlamaConfig {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  /** Tokens of prompt and answer together. */
  contextTokens: number;
  rmsNormEpsilon: number;
  ropeTheta: number;
  endOfTextId: number;
  padId: number;
}

type Json = Record<string, unknown>;

const refuse = (field: string, reason: string): never => {
  throw new TinyLmError('TINY_LM.CONFIG_INVALID', field, reason);
};

const count = (value: unknown, field: string, min: number, max: number): number => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    return refuse(field, `must be a whole number from ${min} to ${max}, got ${JSON.stringify(value)}`);
  }
  return value;
};

const positive = (value: unknown, field: string): number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0
    ? value
    : refuse(field, `must be a positive number, got ${JSON.stringify(value)}`);

/** Checks every size; a fault names the field as config.json spells it. Returns the same config. */
export function validateLlamaConfig(config: LlamaConfig): LlamaConfig {
  count(config.vocabSize, 'vocab_size', 2, 262_144);
  count(config.hiddenSize, 'hidden_size', 1, 16_384);
  count(config.intermediateSize, 'intermediate_size', 1, 65_536);
  count(config.layers, 'num_hidden_layers', 1, 256);
  count(config.heads, 'num_attention_heads', 1, 256);
  count(config.keyValueHeads, 'num_key_value_heads', 1, 256);
  count(config.contextTokens, 'max_position_embeddings', 2, 131_072);
  positive(config.rmsNormEpsilon, 'rms_norm_eps');
  positive(config.ropeTheta, 'rope_theta');
  count(config.endOfTextId, 'eos_token_id', 0, config.vocabSize - 1);
  count(config.padId, 'pad_token_id', 0, config.vocabSize - 1);
  if (config.hiddenSize % config.heads !== 0)
    refuse('hidden_size', `must be a multiple of num_attention_heads (${config.heads})`);
  if ((config.hiddenSize / config.heads) % 2 !== 0)
    refuse('hidden_size', 'must give each head an even width for rotary positions');
  if (config.heads % config.keyValueHeads !== 0) {
    refuse('num_key_value_heads', `must divide num_attention_heads (${config.heads}), got ${config.keyValueHeads}`);
  }
  return config;
}

/** Width of one attention head. */
export const headWidth = (config: LlamaConfig): number => config.hiddenSize / config.heads;

/** Number of trainable values; the tied embedding counts once. */
export function parameterCount(config: LlamaConfig): number {
  const d = config.hiddenSize;
  const keyValue = config.keyValueHeads * headWidth(config);
  return config.vocabSize * d + config.layers * (2 * d * d + 2 * d * keyValue + 3 * d * config.intermediateSize + 2 * d) + d;
}

/** config.json as `transformers` reads it. */
export function toHuggingFaceConfig(config: LlamaConfig): Json {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: headWidth(config),
    max_position_embeddings: config.contextTokens,
    hidden_act: 'silu',
    rms_norm_eps: config.rmsNormEpsilon,
    rope_theta: config.ropeTheta,
    rope_parameters: { rope_type: 'default', rope_theta: config.ropeTheta },
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    tie_word_embeddings: true,
    bos_token_id: config.endOfTextId,
    eos_token_id: config.endOfTextId,
    pad_token_id: config.padId,
    initializer_range: 0.02,
    use_cache: true,
    torch_dtype: 'float32',
    dtype: 'float32',
  };
}

// A field that would change the arithmetic must have the value this library computes; saying nothing means the usual default.
const REQUIRED: [string, unknown[]][] = [
  ['model_type', ['llama']],
  ['hidden_act', ['silu', undefined]],
  ['tie_word_embeddings', [true]],
  ['attention_bias', [false, undefined]],
  ['mlp_bias', [false, undefined]],
  ['rope_scaling', [null, undefined]],
  ['quantization_config', [null, undefined]],
];

/** Reads config.json; anything this library cannot compute exactly is refused by name. */
export function fromHuggingFaceConfig(json: unknown): LlamaConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return refuse('config.json', 'must be a JSON object');
  const raw = json as Json;
  for (const [field, allowed] of REQUIRED) {
    if (!allowed.includes(raw[field])) {
      refuse(field, `only ${JSON.stringify(allowed[0])} is supported, got ${JSON.stringify(raw[field])}`);
    }
  }
  const rope = (raw.rope_parameters ?? {}) as Json;
  if (rope.rope_type !== undefined && rope.rope_type !== 'default') {
    refuse('rope_parameters.rope_type', `only "default" is supported, got ${JSON.stringify(rope.rope_type)}`);
  }
  const eos: unknown = Array.isArray(raw.eos_token_id) ? raw.eos_token_id[0] : raw.eos_token_id;
  const config = validateLlamaConfig({
    vocabSize: raw.vocab_size as number,
    hiddenSize: raw.hidden_size as number,
    intermediateSize: raw.intermediate_size as number,
    layers: raw.num_hidden_layers as number,
    heads: raw.num_attention_heads as number,
    keyValueHeads: (raw.num_key_value_heads ?? raw.num_attention_heads) as number,
    contextTokens: raw.max_position_embeddings as number,
    rmsNormEpsilon: (raw.rms_norm_eps ?? 1e-6) as number,
    ropeTheta: (raw.rope_theta ?? rope.rope_theta ?? 10_000) as number,
    endOfTextId: eos as number,
    padId: (raw.pad_token_id ?? eos) as number,
  });
  if (raw.head_dim !== undefined && raw.head_dim !== null && raw.head_dim !== headWidth(config)) {
    refuse('head_dim', `must be hidden_size / num_attention_heads (${headWidth(config)}), got ${JSON.stringify(raw.head_dim)}`);
  }
  return config;
}
