// SPDX-License-Identifier: Apache-2.0
// What the demo's fine-tune reaches: version 1 on period 1, version 2 with 500 corrections of period 2 in 40 % of every batch, both from the
// base. `npm run bench:triage -- --seeds 3 --steps 1200`; prints one JSON document. About 12 CPU-seconds per fine-tune.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import {
  encodeAnswerRows,
  evaluateAnswers,
  loadModelFolder,
  packageFile,
  parametersDigest,
  Trainer,
  type AnswerRow,
  type TinyModel,
  type TrainingPool,
} from '../src/index';

interface Row {
  text: string;
  label: string;
}

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '1200' },
    base: { type: 'string', default: packageFile('base') },
    rate: { type: 'string', default: '0.002' },
    dropout: { type: 'string', default: '0.15' },
  },
});

function readPart(name: string): Row[] {
  const path = join(packageFile('base'), '..', '..', '..', 'tests', 'fixtures', 'glossary-triage', `${name}.jsonl.gz`);
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Row);
}

const asAnswers = (rows: Row[]): AnswerRow[] =>
  rows.map(({ text, label }) => ({ prompt: `${text}\nDomain:`, answer: ` ${label}` }));
const round = (value: number): number => Math.round(value * 1000) / 1000;

const parts = Object.fromEntries(
  ['period-1-train', 'period-1-heldout', 'period-2-traffic', 'period-2-heldout'].map((name) => [name, asAnswers(readPart(name))]),
);

function scores(model: TinyModel, name: string): { accuracy: number; macroF1: number; invalid: number } {
  const rows = parts[name];
  const { accuracy, answers } = evaluateAnswers(model, rows);
  const labels = [...new Set(rows.map(({ answer }) => answer.trim()))];
  const f1 = labels.map((label) => {
    const hits = answers.filter(({ answer }, i) => answer === label && rows[i].answer.trim() === label).length;
    const answered = answers.filter(({ answer }) => answer === label).length;
    const expected = rows.filter(({ answer }) => answer.trim() === label).length;
    return (2 * hits) / Math.max(1, answered + expected);
  });
  const macroF1 = f1.reduce((a, b) => a + b, 0) / labels.length;
  return {
    accuracy: round(accuracy),
    macroF1: round(macroF1),
    invalid: answers.filter(({ answer }) => !labels.includes(answer)).length,
  };
}

function fineTune(base: TinyModel, pools: TrainingPool[], seed: number): Record<string, unknown> {
  const steps = Number(flags.steps);
  const settings = { seed, steps, learningRate: Number(flags.rate), promptDropout: Number(flags.dropout), laterTokenWeight: 0.2 };
  const trainer = new Trainer({ base, pools, settings });
  const started = process.cpuUsage();
  while (!trainer.isDone) trainer.step();
  const { user, system } = process.cpuUsage(started);
  const model = trainer.model();
  return {
    period1: scores(model, 'period-1-heldout'),
    period2: scores(model, 'period-2-heldout'),
    cpuSeconds: round((user + system) / 1e6),
    weights: parametersDigest(model.parameters).slice(0, 12),
  };
}

const base = loadModelFolder(flags.base);
const encode = (name: string): TrainingPool['examples'] =>
  encodeAnswerRows(base.tokenizer, parts[name], base.config.contextTokens);
const train = encode('period-1-train');
const corrections = encode('period-2-traffic');
const runs = Array.from({ length: Number(flags.seeds) }, (_, i) => ({
  seed: i + 1,
  v1: fineTune(base, [{ name: 'train', share: 1, examples: train }], i + 1),
  v2: fineTune(
    base,
    [
      { name: 'train', share: 0.6, examples: train },
      { name: 'corrections', share: 0.4, examples: corrections },
    ],
    i + 1,
  ),
}));
process.stdout.write(`${JSON.stringify({ steps: Number(flags.steps), corrections: corrections.length, runs }, null, 1)}\n`);
