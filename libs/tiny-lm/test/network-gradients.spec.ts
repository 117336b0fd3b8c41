// SPDX-License-Identifier: Apache-2.0
import { LlamaNetwork, type Batch } from '../src/llama-network';
import { initialParameters } from '../src/parameters';
import { Random } from '../src/random';
import { referenceLogits, referenceLoss } from './reference-llama';
import type { LlamaConfig } from '../src/llama-config';

const SHAPES: Record<string, LlamaConfig> = {
  'even sizes': config({ hiddenSize: 16, intermediateSize: 24, heads: 4, keyValueHeads: 4, vocabSize: 40, contextTokens: 16 }),
  'grouped heads, sizes that fill no vector': config({
    hiddenSize: 18,
    intermediateSize: 13,
    heads: 3,
    keyValueHeads: 1,
    vocabSize: 29,
    contextTokens: 11,
  }),
  'more than 256 rows in a product': config({
    hiddenSize: 8,
    intermediateSize: 300,
    heads: 2,
    keyValueHeads: 1,
    vocabSize: 270,
    contextTokens: 9,
  }),
};

function config(
  sizes: Pick<LlamaConfig, 'hiddenSize' | 'intermediateSize' | 'heads' | 'keyValueHeads' | 'vocabSize' | 'contextTokens'>,
): LlamaConfig {
  return { ...sizes, layers: 2, rmsNormEpsilon: 1e-5, ropeTheta: 10_000, endOfTextId: 0, padId: 1 };
}

// Larger than fresh weights, so that every path carries a gradient worth measuring.
function lively(shape: LlamaConfig): Float32Array {
  const values = initialParameters(shape, 7);
  const random = Random.from('lively', 1);
  return values.map((value) => (value === 1 ? 1 + 0.2 * random.gaussian() : value * 12));
}

function randomBatch(shape: LlamaConfig): Batch {
  const random = Random.from('batch', 3);
  const sequences = 2;
  const tokens = shape.contextTokens - 2;
  const ids = Int32Array.from({ length: sequences * tokens }, () => random.below(shape.vocabSize));
  const scored = Int32Array.from([...ids.keys()].filter(() => random.uniform() < 0.4));
  return {
    sequences,
    tokens,
    ids,
    scored,
    targets: Int32Array.from(scored, () => random.below(shape.vocabSize)),
    weights: Float32Array.from(scored, () => 0.25 + random.uniform()),
  };
}

describe.each(Object.entries(SHAPES))('network with %s', (_, shape) => {
  const parameters = lively(shape);
  const batch = randomBatch(shape);
  const inverse = 1 / batch.weights.reduce((a, b) => a + b, 0);
  const network = new LlamaNetwork(shape, { sequencesMax: 3, trainable: true });
  network.load(parameters);
  const logits = network.forward(batch).slice();
  const loss = network.loss(batch, inverse);
  network.zeroGradients();
  network.backward(batch);
  const start = network.gradients >> 2;
  const gradients = network.floats.slice(start, start + network.layout.length);
  const exact = Float64Array.from(parameters);

  it('computes the logits and the loss of the float64 reference', () => {
    const expected = referenceLogits(shape, exact, batch);
    const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - logits[i])), 0);
    expect(worst).toBeLessThan(2e-4);
    expect(Math.abs(loss - referenceLoss(shape, exact, batch))).toBeLessThan(1e-5);
  });

  // Central differences of the float64 reference: their own error is about 1e-9, so the difference shown is the kernels'.
  it.each(network.layout.slots.map((slot) => [slot.name, slot] as const))('has the right gradient for %s', (_name, slot) => {
    const random = Random.from('probe', slot.name);
    const largest = gradients.slice(slot.offset, slot.offset + slot.length).reduce((max, g) => Math.max(max, Math.abs(g)), 0);
    expect(largest).toBeGreaterThan(0);
    for (let probe = 0; probe < 4; probe++) {
      const at = slot.offset + random.below(slot.length);
      const kept = exact[at];
      exact[at] = kept + 1e-5;
      const above = referenceLoss(shape, exact, batch);
      exact[at] = kept - 1e-5;
      const below = referenceLoss(shape, exact, batch);
      exact[at] = kept;
      expect(Math.abs((above - below) / 2e-5 - gradients[at])).toBeLessThan(1e-3 * largest + 1e-6);
    }
  });
});
