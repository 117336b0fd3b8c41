// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';

/** A prompt and the answer that it should get, trimmed. */
export interface LabelledText {
  text: string;
  label: string;
}

export interface BagOfWordsOptions {
  seed: number;
  epochs: number;
  learningRate: number;
  /** L2 penalty. */
  penalty: number;
}

/** Settings found good on short texts of a few thousand rows; the baseline must be an honest opponent, not a straw man. */
export const bagOfWordsDefaults: BagOfWordsOptions = { seed: 1, epochs: 30, learningRate: 0.5, penalty: 1e-5 };

const WORD = /[\p{L}\p{N}]+/gu;

/** Distinct lower-case words and neighbouring word pairs. */
export function wordFeatures(text: string): string[] {
  const words = [...text.toLowerCase().matchAll(WORD)].map((match) => match[0]);
  const pairs = words.slice(1).map((word, index) => `${words[index]} ${word}`);
  return [...new Set([...words, ...pairs])];
}

/**
 * Softmax regression over the presence of words and word pairs, trained by AdaGrad (Duchi et al., 2011) one row at a time.
 * Deterministic: same rows in the same order and same seed give the same weights.
 */
export class BagOfWordsClassifier {
  private constructor(
    private readonly labels: readonly string[],
    private readonly vocabulary: ReadonlyMap<string, number>,
    private readonly weights: Float64Array,
  ) {}

  static train(rows: readonly LabelledText[], options: BagOfWordsOptions = bagOfWordsDefaults): BagOfWordsClassifier {
    const labels = [...new Set(rows.map((row) => row.label))].sort();
    const vocabulary = vocabularyOf(rows);
    const width = labels.length;
    const model = new BagOfWordsClassifier(labels, vocabulary, new Float64Array((vocabulary.size + 1) * width));
    const numberOf = new Map(labels.map((label, index) => [label, index]));
    const encoded = rows.map((row) => ({ words: model.encode(row.text), label: numberOf.get(row.label) as number }));
    const squares = new Float64Array(model.weights.length).fill(1e-8);
    const random = seededRandom(options.seed);
    for (let epoch = 0; epoch < options.epochs; epoch += 1) {
      shuffle(encoded, random);
      for (const { words, label } of encoded) model.learn(words, label, squares, options);
    }
    return model;
  }

  predict(text: string): string {
    const scores = this.shares(this.encode(text));
    let best = 0;
    for (let index = 1; index < scores.length; index += 1) if (scores[index] > scores[best]) best = index;
    return this.labels[best] ?? '';
  }

  // Row numbers of the weight matrix: the bias first, then one for each known feature, each scaled alike.
  private encode(text: string): Int32Array {
    const known = wordFeatures(text).flatMap((word) => this.vocabulary.get(word) ?? []);
    return Int32Array.from([0, ...known]);
  }

  private shares(words: Int32Array): Float64Array {
    const width = this.labels.length;
    const scores = new Float64Array(width);
    for (const word of words) {
      for (let label = 0; label < width; label += 1) scores[label] = scores[label] + this.weights[word * width + label];
    }
    const peak = Math.max(...scores);
    let sum = 0;
    for (let label = 0; label < width; label += 1) sum += scores[label] = Math.exp(scores[label] - peak);
    for (let label = 0; label < width; label += 1) scores[label] = scores[label] / sum;
    return scores;
  }

  private learn(words: Int32Array, wanted: number, squares: Float64Array, options: BagOfWordsOptions): void {
    const width = this.labels.length;
    const shares = this.shares(words);
    const scale = 1 / Math.sqrt(words.length);
    for (let label = 0; label < width; label += 1) {
      const error = (shares[label] - (label === wanted ? 1 : 0)) * scale;
      for (const word of words) {
        const at = word * width + label;
        const gradient = error + options.penalty * this.weights[at];
        squares[at] = squares[at] + gradient * gradient;
        this.weights[at] = this.weights[at] - (options.learningRate * gradient) / Math.sqrt(squares[at]);
      }
    }
  }
}

/** The label that occurs most often; ties go to the first in alphabetical order. */
export function majorityLabel(rows: readonly LabelledText[]): string {
  const counts = new Map<string, number>();
  for (const { label } of rows) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0] ?? '';
}

function vocabularyOf(rows: readonly LabelledText[]): Map<string, number> {
  const vocabulary = new Map<string, number>();
  for (const { text } of rows) {
    for (const word of wordFeatures(text)) if (!vocabulary.has(word)) vocabulary.set(word, vocabulary.size + 1);
  }
  return vocabulary;
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let index = items.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [items[index], items[other]] = [items[other], items[index]];
  }
}
