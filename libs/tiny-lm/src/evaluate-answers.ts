// SPDX-License-Identifier: Apache-2.0
import { assembleBatch } from './batch';
import { Generator } from './generator';
import { LlamaNetwork } from './llama-network';
import type { TinyModel } from './model-folder';
import { encodeAnswerRows, type AnswerRow, type EncodedExample } from './training-examples';

export interface AnswerResult {
  /** The model's greedy answer, without surrounding space; equal to the expected one when isExact. */
  answer: string;
  isExact: boolean;
}

export interface Evaluation {
  rows: number;
  exact: number;
  /** exact / rows. */
  accuracy: number;
  /** In the order of the rows. */
  answers: AnswerResult[];
}

/**
 * Greedy exact match. All expected answers are first scored in batches: where every token, the end of text included, is the likeliest one,
 * greedy generation would give just that answer. Only the other rows are generated, to learn what is answered instead.
 */
export function evaluateAnswers(model: TinyModel, rows: readonly AnswerRow[], options: { batchSize?: number } = {}): Evaluation {
  const examples = encodeAnswerRows(model.tokenizer, rows, model.config.contextTokens);
  const isExact = scoreExactMatches(model, examples, options.batchSize ?? 16);
  const generator = new Generator(model);
  const answerTokensMax = examples.reduce((max, { ids, scoredFrom }) => Math.max(max, ids.length - scoredFrom), 1);
  const answers = rows.map((row, index): AnswerResult => {
    if (isExact[index]) return { answer: row.answer.trim(), isExact: true };
    const { ids, scoredFrom } = examples[index];
    const maxTokens = Math.min(answerTokensMax, model.config.contextTokens - scoredFrom);
    const { text } = generator.generate([...ids.slice(0, scoredFrom)], { temperature: 0, maxTokens });
    return { answer: text.trim(), isExact: false };
  });
  const exact = isExact.filter(Boolean).length;
  return { rows: rows.length, exact, accuracy: rows.length === 0 ? 0 : exact / rows.length, answers };
}

function scoreExactMatches(model: TinyModel, examples: readonly EncodedExample[], batchSize: number): boolean[] {
  const { config } = model;
  const network = new LlamaNetwork(config, { sequencesMax: batchSize, trainable: false });
  network.load(model.parameters);
  const isExact = new Array<boolean>(examples.length).fill(true);
  const order = examples.map((_, index) => index).sort((a, b) => examples[a].ids.length - examples[b].ids.length);
  for (let start = 0; start < order.length; start += batchSize) {
    const indices = order.slice(start, start + batchSize);
    const options = { contextTokens: config.contextTokens, padId: config.padId, laterTokenWeight: 1 };
    const batch = assembleBatch(
      indices.map((index) => examples[index]),
      options,
    );
    const logits = network.forward(batch);
    for (let i = 0; i < batch.scored.length; i++) {
      const row = logits.subarray(i * config.vocabSize, (i + 1) * config.vocabSize);
      const target = row[batch.targets[i]];
      const index = indices[Math.floor(batch.scored[i] / batch.tokens)];
      for (let id = 0; id < row.length; id++)
        if (row[id] > target || (row[id] === target && id < batch.targets[i])) isExact[index] = false;
    }
  }
  return isExact;
}
