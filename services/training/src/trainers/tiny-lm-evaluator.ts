// SPDX-License-Identifier: Apache-2.0
import { appendFileSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeAnswerRows, evaluateAnswers, loadModelFolder, type TinyModel } from '#libs/tiny-lm';
import type { SliceResult } from '../jobs/job';
import type { TrainingExample } from '../jobs/row-check';
import { BagOfWordsClassifier, majorityLabel } from '../scoring/bag-of-words';
import { type MetricScore, RESAMPLES, scoreAnswers } from '../scoring/classification';
import { packBits } from '../scoring/mcnemar';
import { EVALUATOR_JOB_SCHEMA, type EvaluatorJob, TRAINER_RESULT_SCHEMA, type WorkerResult } from './trainer-contract';
import { runWorker, type WorkerFiles } from './worker-files';

/** Changes whenever the same answers could get other figures. */
const SCORER_VERSION = 'exact-answer/1';
/** Rows scored between two looks at SIGTERM. */
const CHUNK_ROWS = 100;

void runWorker(evaluate);

interface Baselines {
  majority: (row: TrainingExample) => string;
  bag_of_words: (row: TrainingExample) => string;
}

async function evaluate(files: WorkerFiles, stop: AbortSignal): Promise<WorkerResult> {
  const job = files.readJob<EvaluatorJob>(EVALUATOR_JOB_SCHEMA);
  const model = loadModelFolder(files.path(job.model.folder));
  const rowsTotal = job.slices.reduce((sum, slice) => sum + slice.rows, 0);
  const training = job.baselineTraining.flatMap((rows) => files.readRows(rows));
  const baselines = training.length > 0 ? trainBaselines(training) : undefined;
  const knownLabels = new Set(training.map((row) => row.answer.trim()));
  writeFileSync(files.path(job.answersFile), '');
  const slices: SliceResult[] = [];
  let done = 0;
  for (const slice of job.slices) {
    const rows = files.readRows(slice);
    const predicted: string[] = [];
    for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
      await turn();
      if (stop.aborted) return { schema: TRAINER_RESULT_SCHEMA, status: 'interrupted' };
      const chunk = rows.slice(start, start + CHUNK_ROWS);
      predicted.push(...answer(model, chunk));
      done += chunk.length;
      files.append({ type: 'progress', step: done, stepsTotal: rowsTotal, loss: 0, learningRate: 0, tokens: 0 });
    }
    writeAnswers(files, job, { slice: slice.name, rows, predicted });
    slices.push(scoreSlice({ job, slice, rows, predicted, baselines, knownLabels }));
  }
  return { schema: TRAINER_RESULT_SCHEMA, status: 'succeeded', slices, scorerVersion: SCORER_VERSION };
}

/** Greedy answers, trimmed. A row that does not fit the context gets none: served traffic would be refused too. */
function answer(model: TinyModel, rows: readonly TrainingExample[]): string[] {
  const fitting = rows.filter((row) => fits(model, row));
  const answers = evaluateAnswers(model, fitting).answers.map((result) => result.answer);
  const byRow = new Map(fitting.map((row, index) => [row, answers[index] ?? '']));
  return rows.map((row) => byRow.get(row) ?? '');
}

function fits(model: TinyModel, row: TrainingExample): boolean {
  try {
    return encodeAnswerRows(model.tokenizer, [row], model.config.contextTokens).length === 1;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'TINY_LM.EXAMPLE_INVALID') return false;
    throw error;
  }
}

function trainBaselines(training: readonly TrainingExample[]): Baselines {
  const rows = training.map((row) => ({ text: row.prompt, label: row.answer.trim() }));
  const words = BagOfWordsClassifier.train(rows);
  const majority = majorityLabel(rows);
  return { majority: () => majority, bag_of_words: (row) => words.predict(row.prompt) };
}

interface SliceAnswers {
  job: EvaluatorJob;
  slice: EvaluatorJob['slices'][number];
  rows: readonly TrainingExample[];
  predicted: readonly string[];
  baselines: Baselines | undefined;
  knownLabels: ReadonlySet<string>;
}

function scoreSlice({ job, slice, rows, predicted, baselines, knownLabels }: SliceAnswers): SliceResult {
  const expected = rows.map((row) => row.answer.trim());
  const options = { knownLabels, seed: job.seed, resamples: RESAMPLES };
  const score = scoreAnswers({ expected, predicted }, options);
  const baselineScores = Object.entries(baselines ?? {}).map(([name, predict]: [string, Baselines['majority']]) => {
    // Intervals of baselines are not reported, so one draw is enough.
    const { metrics } = scoreAnswers({ expected, predicted: rows.map(predict) }, { ...options, resamples: 1 });
    return { name, metrics };
  });
  const baselinesOf = (metric: MetricScore['metric']): Record<string, number> =>
    Object.fromEntries(
      baselineScores.map(({ name, metrics }) => [name, metrics.find((other) => other.metric === metric)?.value ?? 0]),
    );
  return {
    slice: slice.name,
    datasetVersionId: slice.datasetVersionId,
    contentDigest: slice.contentDigest,
    metrics: score.metrics.map((metric) => ({ ...metric, baselines: baselinesOf(metric.metric) })),
    labels: score.labels,
    invalidAnswers: score.invalidAnswers,
    rightBits: packBits(score.right),
  };
}

function writeAnswers(
  files: WorkerFiles,
  job: EvaluatorJob,
  sheet: { slice: string; rows: readonly TrainingExample[]; predicted: readonly string[] },
): void {
  const lines = sheet.rows.map((row, index) => {
    const answered = sheet.predicted[index] ?? '';
    const expected = row.answer.trim();
    return `${JSON.stringify({ slice: sheet.slice, rowId: row.rowId, expected, answered, right: expected === answered })}\n`;
  });
  appendFileSync(files.path(job.answersFile), lines.join(''));
}
