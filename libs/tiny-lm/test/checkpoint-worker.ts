// SPDX-License-Identifier: Apache-2.0
// A training process for resume.e2e-spec.ts: checkpoint-worker FOLDER METHOD [checkpoint to resume]. One JSON line per step, the weights' digest
// last. It checkpoints after every third step and runs until it is done or killed.
import { join } from 'node:path';
import { encodeAnswerRows, parametersDigest, Trainer, type TrainerInput, type TrainerSettings } from '../src/index';
import { COLOUR_ROWS, smallModel } from './small-model';

const METHODS: Record<string, Partial<TrainerSettings>> = {
  full: { weightDecay: 0.01, accumulation: 2 },
  lora: { method: { kind: 'lora', rank: 4, alpha: 8, targets: ['q_proj', 'o_proj', 'up_proj'] } },
};

/** The run that the spec compares: two pools, dropout, more steps than one sampler window. */
export function resumableInput(method: string): TrainerInput {
  const base = smallModel();
  const examples = encodeAnswerRows(base.tokenizer, COLOUR_ROWS, base.config.contextTokens);
  return {
    base,
    pools: [
      { name: 'first', share: 0.6, examples: examples.slice(0, 20) },
      { name: 'second', share: 0.4, examples: examples.slice(20) },
    ],
    settings: { seed: 9, steps: 24, batchSize: 8, promptDropout: 0.15, ...METHODS[method] },
  };
}

if (require.main === module) {
  const [folder, method, from] = process.argv.slice(2);
  const input = resumableInput(method);
  const trainer = from ? Trainer.resume(from, input) : new Trainer(input);
  while (!trainer.isDone) {
    const { step, loss } = trainer.step();
    if (step % 3 === 0) trainer.checkpoint(join(folder, `step-${step}`));
    process.stdout.write(`${JSON.stringify({ step, loss })}\n`);
  }
  process.stdout.write(`${JSON.stringify({ digest: parametersDigest(trainer.model().parameters) })}\n`);
}
