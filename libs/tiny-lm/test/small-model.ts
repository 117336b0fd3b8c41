// SPDX-License-Identifier: Apache-2.0
import { initialParameters, Tokenizer, type AnswerRow, type LlamaConfig, type TinyModel } from '../src/index';

const COLOURS = ['red', 'green', 'blue', 'white'];
const THINGS = ['apple', 'leaf', 'sky', 'snow', 'stone', 'river', 'cloud', 'grass'];

/** Rows with a rule that a small model learns in seconds: the answer repeats the colour of the thing. */
export const COLOUR_ROWS: AnswerRow[] = COLOURS.flatMap((colour, c) =>
  THINGS.map((thing, t) => ({ prompt: `the ${thing} number ${c * 3 + t} is ${colour}. colour:`, answer: ` ${colour}` })),
);

/** A model of about 12,000 parameters with fresh weights: a training step takes a millisecond or so. */
export function smallModel(overrides: Partial<LlamaConfig> = {}): TinyModel {
  const tokenizer = Tokenizer.train(
    COLOUR_ROWS.map(({ prompt, answer }) => prompt + answer),
    300,
  );
  const config: LlamaConfig = {
    vocabSize: tokenizer.size,
    hiddenSize: 24,
    intermediateSize: 40,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    contextTokens: 64,
    rmsNormEpsilon: 1e-5,
    ropeTheta: 10_000,
    endOfTextId: tokenizer.endOfTextId,
    padId: tokenizer.padId,
    ...overrides,
  };
  return { config, parameters: initialParameters(config, 11), tokenizer };
}
