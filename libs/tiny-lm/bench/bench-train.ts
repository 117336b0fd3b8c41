// SPDX-License-Identifier: Apache-2.0
// Tokens trained per CPU-second at about 0.17 and 0.9 million parameters, beside the same model on tfjs-wasm in the same run:
// `npm run bench:train`; prints one JSON document. "all" scores every position, "answer" the last two of each row, as fine-tuning does.
import {
  headWidth,
  initialParameters,
  parameterCount,
  Random,
  Tokenizer,
  Trainer,
  type EncodedExample,
  type LlamaConfig,
} from '../src/index';
import { assembleBatch } from '../src/batch';
import { startTfjs, TfjsLlama } from './tfjs-llama';

const common = { rmsNormEpsilon: 1e-5, ropeTheta: 10_000, endOfTextId: 0, padId: 1 };
const SHAPES: Record<string, { config: LlamaConfig; batchSize: number; steps: number; tfjsSteps: number }> = {
  '0.17M': {
    config: {
      ...common,
      vocabSize: 1024,
      hiddenSize: 64,
      intermediateSize: 176,
      layers: 2,
      heads: 4,
      keyValueHeads: 4,
      contextTokens: 64,
    },
    batchSize: 16,
    steps: 60,
    tfjsSteps: 8,
  },
  '0.9M': {
    config: {
      ...common,
      vocabSize: 512,
      hiddenSize: 128,
      intermediateSize: 344,
      layers: 4,
      heads: 4,
      keyValueHeads: 4,
      contextTokens: 128,
    },
    batchSize: 8,
    steps: 20,
    tfjsSteps: 4,
  },
};

// Ids drawn from a skewed distribution, so that there is something to learn.
function randomExamples(config: LlamaConfig, count: number, scoredFrom: number): EncodedExample[] {
  const random = Random.from('bench', config.vocabSize);
  const draw = (): number => Math.floor(config.vocabSize * random.uniform() ** 3);
  return Array.from({ length: count }, () => ({ ids: Int32Array.from({ length: config.contextTokens + 1 }, draw), scoredFrom }));
}

const cpuSeconds = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};
const tokenizer = Tokenizer.train([], 258);

function measureOurs(
  name: string,
  scoredFrom: number,
): { tokensPerCpuSecond: number; msPerStep: number; losses: number[]; memoryMiB: number } {
  const { config, batchSize, steps } = SHAPES[name];
  const base = { config, parameters: initialParameters(config, 1), tokenizer };
  const examples = randomExamples(config, batchSize, scoredFrom);
  const settings = {
    steps: steps + 5,
    batchSize,
    schedule: 'constant' as const,
    warmupSteps: 0,
    learningRate: 1e-3,
    gradientNormMax: 1e6,
  };
  // The pool is one batch, so that tfjs can be given the same rows in every step.
  const trainer = new Trainer({ base, pools: [{ name: 'bench', share: 1, examples }], settings });
  const losses = Array.from({ length: 5 }, () => trainer.step().loss);
  const started = process.cpuUsage();
  let tokens = 0;
  while (!trainer.isDone) tokens += trainer.step().tokens;
  const seconds = cpuSeconds(started);
  return {
    tokensPerCpuSecond: Math.round(tokens / seconds),
    msPerStep: Math.round((seconds / steps) * 1e4) / 10,
    losses,
    memoryMiB: Math.round(trainer.memoryBytes / 2 ** 20),
  };
}

async function measureTfjs(name: string): Promise<{ tokensPerCpuSecond: number; msPerStep: number; losses: number[] }> {
  const { config, batchSize, tfjsSteps } = SHAPES[name];
  const model = new TfjsLlama(config, initialParameters(config, 1), 1e-3);
  const examples = randomExamples(config, batchSize, 1);
  const batch = assembleBatch(examples, { contextTokens: config.contextTokens, padId: 1, laterTokenWeight: 1 });
  const losses = [await model.step(batch), await model.step(batch)];
  const started = process.cpuUsage();
  for (let i = 0; i < tfjsSteps; i++) losses.push(await model.step(batch));
  const seconds = cpuSeconds(started);
  const tokens = tfjsSteps * batch.ids.length;
  return { tokensPerCpuSecond: Math.round(tokens / seconds), msPerStep: Math.round((seconds / tfjsSteps) * 1e4) / 10, losses };
}

async function main(): Promise<void> {
  await startTfjs();
  const report: Record<string, unknown> = {};
  for (const [name, { config }] of Object.entries(SHAPES)) {
    const all = measureOurs(name, 1);
    const answer = measureOurs(name, config.contextTokens - 1);
    const tfjs = await measureTfjs(name);
    report[name] = {
      parameters: parameterCount(config),
      headWidth: headWidth(config),
      all: { ...all, losses: undefined },
      answer: { ...answer, losses: undefined },
      tfjs: { ...tfjs, losses: undefined },
      ratioToTfjs: Math.round((all.tokensPerCpuSecond / tfjs.tokensPerCpuSecond) * 10) / 10,
      // The same rows, weights and optimizer on both sides: five steps must lose alike, or one of them has wrong gradients.
      largestLossDifference: all.losses.reduce((max, loss, i) => Math.max(max, Math.abs(loss - tfjs.losses[i])), 0),
    };
  }
  process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
}

void main();
