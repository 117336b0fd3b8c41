// SPDX-License-Identifier: Apache-2.0
import type { Arena } from './kernels';
import { headWidth, type LlamaConfig } from './llama-config';
import { layOutParameters } from './parameters';

export interface NetworkLimits {
  /** Most sequences in a batch, each of up to contextTokens. */
  sequencesMax: number;
  /** false leaves out the gradients and the backward pass. */
  trainable: boolean;
  /** Reserves further arrays (optimizer state, adapters) in the same memory. */
  extend?: (arena: Arena) => void;
}

/** Byte offsets of what a layer keeps of its forward pass for the backward pass. */
export interface LayerMemory {
  x: number;
  normed1: number;
  root1: number;
  qkv: number;
  attention: number;
  mixed: number;
  x2: number;
  normed2: number;
  root2: number;
  gateUp: number;
  activated: number;
}

/** Byte offsets of what all layers share. Those with d in front hold gradients and exist in a trainable network only. */
export type SharedMemory = ReturnType<typeof planShared>;

/** Reserves everything that a network of this shape needs for its largest batch. */
export function planNetworkMemory(
  arena: Arena,
  config: LlamaConfig,
  limits: NetworkLimits,
): { rowsMax: number; parameters: number; gradients: number; layers: LayerMemory[]; shared: SharedMemory } {
  const { length } = layOutParameters(config);
  const rowsMax = limits.sequencesMax * config.contextTokens;
  return {
    rowsMax,
    parameters: arena.reserve(length),
    gradients: limits.trainable ? arena.reserve(length) : 0,
    layers: Array.from({ length: config.layers }, () => planLayer(arena, config, limits.sequencesMax)),
    shared: planShared(arena, config, rowsMax, limits.trainable),
  };
}

const qkvWidth = (config: LlamaConfig): number => (config.heads + 2 * config.keyValueHeads) * headWidth(config);

function planLayer(arena: Arena, config: LlamaConfig, sequencesMax: number): LayerMemory {
  const { hiddenSize: d, intermediateSize: inner, contextTokens, heads } = config;
  const n = sequencesMax * contextTokens;
  return {
    x: arena.reserve(n * d),
    normed1: arena.reserve(n * d),
    root1: arena.reserve(n),
    qkv: arena.reserve(n * qkvWidth(config)),
    attention: arena.reserve(sequencesMax * heads * contextTokens * contextTokens),
    mixed: arena.reserve(n * d),
    x2: arena.reserve(n * d),
    normed2: arena.reserve(n * d),
    root2: arena.reserve(n),
    gateUp: arena.reserve(n * 2 * inner),
    activated: arena.reserve(n * inner),
  };
}

function planShared(arena: Arena, config: LlamaConfig, n: number, trainable: boolean) {
  const { hiddenSize: d, intermediateSize: inner, vocabSize, contextTokens } = config;
  const width = headWidth(config);
  const gradient = (count: number): number => (trainable ? arena.reserve(count) : 0);
  return {
    transposed: arena.reserve(layOutParameters(config).length),
    ids: arena.reserve(n),
    scored: arena.reserve(n),
    targets: arena.reserve(n),
    weights: arena.reserve(n),
    losses: arena.reserve(3 * n),
    cos: arena.reserve((contextTokens * width) / 2),
    sin: arena.reserve((contextTokens * width) / 2),
    scratch: arena.reserve(contextTokens * (width + contextTokens)),
    picked: arena.reserve(n * d),
    last: arena.reserve(n * d),
    final: arena.reserve(n * d),
    root: arena.reserve(n),
    logits: arena.reserve(n * vocabSize),
    dx: gradient(n * d),
    dPicked: gradient(n * d),
    dNormed: gradient(n * d),
    dQkv: gradient(n * qkvWidth(config)),
    dGateUp: gradient(n * 2 * inner),
    dWide: gradient(n * Math.max(inner, d)),
  };
}

/** cos and sin of position x frequency, [contextTokens, headWidth/2] each, rounded to float32 step by step as transformers does. */
export function writeRotaryTables(config: LlamaConfig, floats: Float32Array, cos: number, sin: number): void {
  const half = headWidth(config) / 2;
  for (let t = 0; t < config.contextTokens; t++) {
    for (let i = 0; i < half; i++) {
      const frequency = Math.fround(1 / Math.fround(Math.pow(config.ropeTheta, (2 * i) / (2 * half))));
      const angle = Math.fround(t * frequency);
      floats[(cos >> 2) + t * half + i] = Math.cos(angle);
      floats[(sin >> 2) + t * half + i] = Math.sin(angle);
    }
  }
}
