// SPDX-License-Identifier: Apache-2.0
import { bootstrapInterval, CONFIDENCE, wilsonInterval } from './intervals';

/** Expected and given answers of one slice, trimmed, in the order of its rows. */
export interface AnswerSheet {
  expected: readonly string[];
  predicted: readonly string[];
}

export interface LabelScore {
  label: string;
  rows: number;
  recall: number;
  precision: number;
}

export interface MetricScore {
  metric: 'accuracy' | 'macro_f1';
  value: number;
  low: number;
  high: number;
  confidence: number;
  rows: number;
}

export interface ClassificationScore {
  metrics: MetricScore[];
  labels: LabelScore[];
  /** Rows whose answer is not one of the known labels. */
  invalidAnswers: number;
  right: boolean[];
}

export interface ClassificationOptions {
  /** Labels that count as valid answers, beside those expected in the sheet. */
  knownLabels: ReadonlySet<string>;
  seed: number;
  /** Bootstrap draws for macro-F1. */
  resamples: number;
}

/** Draws that keep the bootstrap's own noise well below the width of the interval. */
export const RESAMPLES = 1000;

/** Accuracy (Wilson interval), macro-F1 over the expected labels (bootstrap interval), recall and precision by label. */
export function scoreAnswers(sheet: AnswerSheet, options: ClassificationOptions): ClassificationScore {
  const labels = [...new Set(sheet.expected)].sort();
  const numberOf = new Map(labels.map((label, index) => [label, index]));
  const expected = Int32Array.from(sheet.expected, (label) => numberOf.get(label) ?? -1);
  const predicted = Int32Array.from(sheet.predicted, (label) => numberOf.get(label) ?? -1);
  const rows = expected.length;
  const right = Array.from(sheet.expected, (label, index) => label === sheet.predicted[index]);
  const hits = right.filter(Boolean).length;
  const everyRow = Int32Array.from({ length: rows }, (_, index) => index);
  const macroF1 = (drawn: Int32Array): number => macroF1Of(expected, predicted, drawn, labels.length);
  const known = new Set([...options.knownLabels, ...labels]);
  return {
    metrics: [
      { metric: 'accuracy', value: rows ? hits / rows : 0, ...wilsonInterval(hits, rows), confidence: CONFIDENCE, rows },
      {
        metric: 'macro_f1',
        value: macroF1(everyRow),
        ...bootstrapInterval(rows, macroF1, options),
        confidence: CONFIDENCE,
        rows,
      },
    ],
    labels: labels.map((label, index) => labelScore(label, index, expected, predicted)),
    invalidAnswers: sheet.predicted.filter((label) => !known.has(label)).length,
    right,
  };
}

// Mean of the labels' F1 over labels that occur among the drawn rows; a label drawn nowhere says nothing about the model.
function macroF1Of(expected: Int32Array, predicted: Int32Array, drawn: Int32Array, labelCount: number): number {
  const truePositives = new Float64Array(labelCount);
  const expectedCounts = new Float64Array(labelCount);
  const predictedCounts = new Float64Array(labelCount);
  for (const row of drawn) {
    const want = expected[row];
    const got = predicted[row];
    expectedCounts[want] = expectedCounts[want] + 1;
    if (got >= 0) predictedCounts[got] = predictedCounts[got] + 1;
    if (want === got) truePositives[want] = truePositives[want] + 1;
  }
  let sum = 0;
  let present = 0;
  for (let label = 0; label < labelCount; label += 1) {
    if (expectedCounts[label] === 0) continue;
    present += 1;
    sum += (2 * truePositives[label]) / (expectedCounts[label] + predictedCounts[label]);
  }
  return present === 0 ? 0 : sum / present;
}

function labelScore(label: string, index: number, expected: Int32Array, predicted: Int32Array): LabelScore {
  let rows = 0;
  let given = 0;
  let both = 0;
  for (let row = 0; row < expected.length; row += 1) {
    if (expected[row] === index) rows += 1;
    if (predicted[row] === index) given += 1;
    if (expected[row] === index && predicted[row] === index) both += 1;
  }
  return { label, rows, recall: rows ? both / rows : 0, precision: given ? both / given : 0 };
}
