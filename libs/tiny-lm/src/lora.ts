// SPDX-License-Identifier: Apache-2.0
import type { Arena } from './kernels';
import type { LlamaNetwork } from './llama-network';
import type { ParameterLayout, ParameterSlot } from './parameters';
import { Random } from './random';
import type { LoraSettings } from './trainer-settings';

interface Adapter {
  slot: ParameterSlot;
  out: number;
  in: number;
  /** Offsets, in floats, of A [rank, in] and B [out, rank] in the adapter array. */
  a: number;
  b: number;
}

/**
 * Low-rank adapters W = W0 + (alpha / rank) B A on chosen linear layers; everything else stays frozen. The network runs on the merged W, and
 * the adapters' gradients follow from its gradient by the chain rule: exact, and no slower than full fine-tuning for models of this size.
 */
export class LoraAdapters {
  readonly length: number;
  private readonly adapters: Adapter[] = [];
  private readonly scaleBy: number;
  private readonly frozen: Float32Array;
  private scratch = 0;
  /** Byte offsets of the adapter values and of their gradients. */
  values = 0;
  gradients = 0;

  constructor(
    private readonly settings: LoraSettings,
    layout: ParameterLayout,
    base: Float32Array,
  ) {
    this.scaleBy = settings.alpha / settings.rank;
    this.frozen = base.slice();
    let length = 0;
    for (const slot of layout.slots) {
      if (!settings.targets.some((name) => slot.name.includes(`.${name}.`))) continue;
      const [out, inner] = slot.shape;
      this.adapters.push({ slot, out, in: inner, a: length, b: length + settings.rank * inner });
      length += settings.rank * (inner + out);
    }
    this.length = length;
  }

  reserve(arena: Arena): void {
    this.values = arena.reserve(this.length);
    this.gradients = arena.reserve(this.length);
    const widest = this.adapters.reduce((max, adapter) => Math.max(max, adapter.in, adapter.out), 0);
    this.scratch = arena.reserve(widest * this.settings.rank);
  }

  /** A uniform in +-1/sqrt(in), B zero: the first step starts from the base. */
  initialise(network: LlamaNetwork, seed: number): void {
    const random = Random.from('lora', seed);
    for (const adapter of this.adapters) {
      const bound = 1 / Math.sqrt(adapter.in);
      const at = (this.values >> 2) + adapter.a;
      for (let i = 0; i < this.settings.rank * adapter.in; i++) network.floats[at + i] = (2 * random.uniform() - 1) * bound;
      network.floats.fill(0, (this.values >> 2) + adapter.b, (this.values >> 2) + adapter.b + adapter.out * this.settings.rank);
    }
  }

  /** Writes W0 + scale B A into the network's parameters. */
  merge(network: LlamaNetwork): void {
    const { kernels: k, floats } = network;
    const { rank } = this.settings;
    for (const { slot, out, in: inner, a, b } of this.adapters) {
      const target = network.parameters + slot.offset * 4;
      floats.set(this.frozen.subarray(slot.offset, slot.offset + slot.length), target >> 2);
      k.scale(this.values + b * 4, this.scratch, out * rank, this.scaleBy);
      k.matmul(this.scratch, rank, 1, this.values + a * 4, inner, target, inner, out, inner, rank, 1);
    }
    network.parametersChanged();
  }

  /** From the gradient of the merged matrices: dA = scale B^T dW, dB = scale dW A^T. */
  collectGradients(network: LlamaNetwork): void {
    const { kernels: k } = network;
    const { rank } = this.settings;
    for (const { slot, out, in: inner, a, b } of this.adapters) {
      const dW = network.gradients + slot.offset * 4;
      k.scale(this.values + b * 4, this.scratch, out * rank, this.scaleBy);
      k.matmul(this.scratch, 1, rank, dW, inner, this.gradients + a * 4, inner, rank, inner, out, 0);
      k.transpose(this.values + a * 4, inner, this.scratch, rank, rank, inner);
      k.matmul(dW, inner, 1, this.scratch, rank, this.gradients + b * 4, rank, out, rank, inner, 0);
      k.scale(this.gradients + b * 4, this.gradients + b * 4, out * rank, this.scaleBy);
    }
  }
}
