// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  encodeAnswerRows,
  loadModelFolder,
  packageFile,
  type TinyModel,
  Trainer,
  type TrainerSettings,
  type TrainingPool,
} from '#libs/tiny-lm';
import type { TrainingExample } from '../jobs/row-check';
import {
  type ContractInput,
  TRAINER_JOB_SCHEMA,
  TRAINER_RESULT_SCHEMA,
  type TrainerJob,
  type WorkerResult,
} from './trainer-contract';
import { runWorker, WorkerError, type WorkerFiles } from './worker-files';

/** Steps whose mean loss is the final `train_loss`. */
const FINAL_LOSS_STEPS = 50;
/** Newest checkpoint folders that stay on disk; the service has stored older ones. */
const FOLDERS_KEPT = 2;

void runWorker(train);

async function train(files: WorkerFiles, stop: AbortSignal): Promise<WorkerResult> {
  const job = files.readJob<TrainerJob>(TRAINER_JOB_SCHEMA);
  const base = loadModelFolder(files.path(job.baseModel.folder));
  const pools = job.inputs.map((input) => readPool(files, base, input, job));
  const trainer = makeTrainer(files, job, { base, pools, settings: toSettings(job) });
  const losses: number[] = [];
  let tokens = 0;
  while (!trainer.isDone) {
    // Lets SIGTERM in; a step itself is synchronous.
    await turn();
    if (stop.aborted) {
      writeCheckpoint(files, job, trainer);
      return { schema: TRAINER_RESULT_SCHEMA, status: 'interrupted' };
    }
    const step = trainer.step();
    tokens += step.tokens;
    losses.push(step.loss);
    if (losses.length > FINAL_LOSS_STEPS) losses.shift();
    const { loss, learningRate } = step;
    files.append({
      type: 'progress',
      step: step.step,
      stepsTotal: trainer.settings.steps,
      loss,
      learningRate,
      tokens: step.tokens,
    });
    if (step.step % Number(job.hyperparameters.checkpointSteps) === 0 && !trainer.isDone) writeCheckpoint(files, job, trainer);
  }
  trainer.saveModel(files.path(job.modelFolder));
  const cpu = process.cpuUsage();
  const metrics = {
    train_loss: losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, losses.length),
    train_rows: pools.reduce((sum, pool) => sum + pool.examples.length, 0),
    train_rows_too_long:
      job.inputs.reduce((sum, input) => sum + input.rows, 0) - pools.reduce((sum, pool) => sum + pool.examples.length, 0),
    train_cpu_seconds: (cpu.user + cpu.system) / 1e6,
  };
  return {
    schema: TRAINER_RESULT_SCHEMA,
    status: 'succeeded',
    metrics,
    steps: trainer.stepCount,
    tokens,
    codeVersion: codeVersion(),
  };
}

function makeTrainer(
  files: WorkerFiles,
  job: TrainerJob,
  input: { base: TinyModel; pools: TrainingPool[]; settings: Partial<TrainerSettings> },
): Trainer {
  if (!job.resume) return new Trainer(input);
  const trainer = Trainer.resume(files.path(job.resume.folder), input);
  if (trainer.stepCount !== job.resume.step) {
    const message = `checkpoint step: is ${trainer.stepCount}, the job goes on from ${job.resume.step}`;
    throw new WorkerError('infrastructure', 'TRAINING.CHECKPOINT_MISMATCH', message);
  }
  return trainer;
}

function writeCheckpoint(files: WorkerFiles, job: TrainerJob, trainer: Trainer): void {
  const folderOf = (step: number): string => join(job.checkpointsFolder, `step-${step}`);
  const folder = folderOf(trainer.stepCount);
  if (job.resume?.step === trainer.stepCount) return;
  trainer.checkpoint(files.path(folder));
  files.append({ type: 'checkpoint', step: trainer.stepCount, folder });
  const old = trainer.stepCount - FOLDERS_KEPT * Number(job.hyperparameters.checkpointSteps);
  if (old > 0) rmSync(files.path(folderOf(old)), { recursive: true, force: true });
}

function toSettings(job: TrainerJob): Partial<TrainerSettings> {
  const given = job.hyperparameters;
  const rank = Number(given.loraRank);
  return {
    seed: Number(given.seed),
    steps: Number(given.steps),
    batchSize: Number(given.batchSize),
    accumulation: Number(given.gradientAccumulation),
    learningRate: Number(given.learningRate),
    warmupSteps: Number(given.warmupSteps),
    schedule: given.schedule as TrainerSettings['schedule'],
    finalRate: Number(given.finalLearningRateShare),
    weightDecay: Number(given.weightDecay),
    gradientNormMax: Number(given.gradientNormMax),
    promptDropout: Number(given.tokenDropout),
    laterTokenWeight: Number(given.laterTokenWeight),
    method:
      given.method === 'lora'
        ? {
            kind: 'lora',
            rank,
            alpha: Number(given.loraAlpha),
            targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
          }
        : { kind: 'full' },
  };
}

// Rows that do not fit the context are left out and counted; too many of them mean that the model is the wrong one for the data.
function readPool(files: WorkerFiles, base: TinyModel, input: ContractInput, job: TrainerJob): TrainingPool {
  const rows = files.readRows(input);
  const examples = rows.flatMap((row) => encode(base, row));
  const tooLong = rows.length - examples.length;
  const share = Number(job.hyperparameters.tooLongShareMax);
  const limits = { input: input.file, rows: rows.length, tooLong, contextTokens: base.config.contextTokens };
  if (tooLong > share * rows.length || examples.length === 0) {
    const message = `${input.role}: ${tooLong} of ${rows.length} rows do not fit the base model's ${base.config.contextTokens} tokens`;
    throw new WorkerError('data', 'TRAINING.ROWS_INVALID', message);
  }
  if (tooLong > 0)
    files.append({ type: 'note', level: 'warn', message: 'rows left out: too long for the context', data: limits });
  return { name: input.role, share: input.weight > 0 ? input.weight : rows.length, examples };
}

function encode(base: TinyModel, row: TrainingExample): TrainingPool['examples'] {
  try {
    return encodeAnswerRows(base.tokenizer, [row], base.config.contextTokens);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'TINY_LM.EXAMPLE_INVALID') return [];
    throw error;
  }
}

/** Version of the package and hash of the kernels: what decides the arithmetic. */
function codeVersion(): string {
  const { version } = JSON.parse(readFileSync(packageFile('../../package.json'), 'utf8')) as { version: string };
  const kernels = createHash('sha256')
    .update(readFileSync(packageFile('wasm/kernels.wasm')))
    .digest('hex');
  return `millrace-${version}+kernels.${kernels.slice(0, 12)}`;
}
