// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { TinyLmError } from './tiny-lm.errors';
import type { Tokenizer } from './tokenizer';

/** A row to learn from: the answer follows the prompt directly, so it usually starts with a space. */
export interface AnswerRow {
  prompt: string;
  answer: string;
}

/** Token ids of one example; the loss counts the prediction of ids[scoredFrom] and of all after it. */
export interface EncodedExample {
  ids: Int32Array;
  scoredFrom: number;
}

/** Rows that are drawn with a given share of every batch (shares are relative). */
export interface TrainingPool {
  name: string;
  share: number;
  examples: EncodedExample[];
}

/** Encodes prompt, answer and end of text. A row that does not fit the context, or is empty, is refused with its number (from 0). */
export function encodeAnswerRows(tokenizer: Tokenizer, rows: readonly AnswerRow[], contextTokens: number): EncodedExample[] {
  return rows.map((row, index) => {
    const prompt = tokenizer.encode(row.prompt);
    const answer = tokenizer.encode(row.answer);
    const field = `row ${index}`;
    if (prompt.length === 0) throw new TinyLmError('TINY_LM.EXAMPLE_INVALID', field, 'has an empty prompt');
    if (answer.length === 0) throw new TinyLmError('TINY_LM.EXAMPLE_INVALID', field, 'has an empty answer');
    const length = prompt.length + answer.length + 1;
    if (length > contextTokens) {
      throw new TinyLmError('TINY_LM.EXAMPLE_INVALID', field, `has ${length} tokens; the model's context is ${contextTokens}`);
    }
    return { ids: Int32Array.from([...prompt, ...answer, tokenizer.endOfTextId]), scoredFrom: prompt.length };
  });
}

/** Cuts texts, joined by end of text, into windows of contextTokens + 1 ids that are scored throughout (language modelling). */
export function encodeTextWindows(tokenizer: Tokenizer, texts: Iterable<string>, contextTokens: number): EncodedExample[] {
  const all: number[] = [];
  for (const text of texts) all.push(...tokenizer.encode(text), tokenizer.endOfTextId);
  const windows: EncodedExample[] = [];
  for (let start = 0; start + contextTokens + 1 <= all.length; start += contextTokens) {
    windows.push({ ids: Int32Array.from(all.slice(start, start + contextTokens + 1)), scoredFrom: 1 });
  }
  return windows;
}

/** sha256 over every pool's name, share and examples: the identity of the data in a checkpoint. */
export function poolsDigest(pools: readonly TrainingPool[]): string {
  const hash = createHash('sha256');
  for (const { name, share, examples } of pools) {
    hash.update(JSON.stringify([name, share, examples.length]));
    for (const { ids, scoredFrom } of examples) {
      hash.update(Int32Array.of(ids.length, scoredFrom));
      hash.update(ids);
    }
  }
  return hash.digest('hex');
}
