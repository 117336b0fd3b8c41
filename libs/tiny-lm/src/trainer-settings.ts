// SPDX-License-Identifier: Apache-2.0
import { LINEAR_NAMES, type LinearName } from './parameters';
import { TinyLmError } from './tiny-lm.errors';

export interface LoraSettings {
  kind: 'lora';
  rank: number;
  /** The update is scaled by alpha / rank. */
  alpha: number;
  targets: LinearName[];
}

/** Everything that decides what a run computes, besides the base model and the data. */
export interface TrainerSettings {
  seed: number;
  /** The budget: optimizer steps. */
  steps: number;
  /** Rows per micro-batch. */
  batchSize: number;
  /** Micro-batches per optimizer step. */
  accumulation: number;
  learningRate: number;
  warmupSteps: number;
  schedule: 'constant' | 'linear' | 'cosine';
  /** The schedule ends at this share of learningRate. */
  finalRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled decay of the matrices; norms are never decayed. */
  weightDecay: number;
  /** Gradients longer than this are scaled down to it. */
  gradientNormMax: number;
  /** Chance that a prompt token is hidden. */
  promptDropout: number;
  laterTokenWeight: number;
  method: { kind: 'full' } | LoraSettings;
}

/** What the demo task was tuned with; `steps` and `seed` are the caller's business. */
export const DEFAULT_TRAINER_SETTINGS: TrainerSettings = {
  seed: 1,
  steps: 1200,
  batchSize: 16,
  accumulation: 1,
  learningRate: 2e-3,
  warmupSteps: 20,
  schedule: 'linear',
  finalRate: 0.05,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-8,
  weightDecay: 0,
  gradientNormMax: 1,
  promptDropout: 0,
  laterTokenWeight: 1,
  method: { kind: 'full' },
};

const LIMITS: Record<string, [min: number, max: number, whole: boolean]> = {
  seed: [0, Number.MAX_SAFE_INTEGER, true],
  steps: [1, 10_000_000, true],
  batchSize: [1, 4096, true],
  accumulation: [1, 4096, true],
  learningRate: [0, 10, false],
  warmupSteps: [0, 10_000_000, true],
  finalRate: [0, 1, false],
  beta1: [0, 0.999999, false],
  beta2: [0, 0.999999, false],
  epsilon: [1e-12, 1, false],
  weightDecay: [0, 10, false],
  gradientNormMax: [1e-6, 1e6, false],
  promptDropout: [0, 0.9, false],
  laterTokenWeight: [0, 10, false],
};

const refuse = (field: string, reason: string): never => {
  throw new TinyLmError('TINY_LM.SETTINGS_INVALID', field, reason);
};

function checkNumber(field: string, value: unknown, [min, max, whole]: [number, number, boolean]): void {
  const isFine = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
  if (!isFine) refuse(field, `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, got ${JSON.stringify(value)}`);
}

/** Fills in defaults and checks every field; an unknown or out-of-range one is refused by name. */
export function resolveTrainerSettings(given: Partial<TrainerSettings>): TrainerSettings {
  for (const field of Object.keys(given)) if (!(field in DEFAULT_TRAINER_SETTINGS)) refuse(field, 'is no setting of the trainer');
  const settings = { ...DEFAULT_TRAINER_SETTINGS, ...given };
  for (const [field, limits] of Object.entries(LIMITS)) checkNumber(field, settings[field as keyof TrainerSettings], limits);
  if (!['constant', 'linear', 'cosine'].includes(settings.schedule)) refuse('schedule', 'must be constant, linear or cosine');
  const { method } = settings;
  if (method.kind === 'lora') {
    checkNumber('method.rank', method.rank, [1, 1024, true]);
    checkNumber('method.alpha', method.alpha, [1e-6, 1e6, false]);
    if (!Array.isArray(method.targets) || method.targets.length === 0)
      refuse('method.targets', 'must name at least one linear layer');
    for (const name of method.targets) {
      if (!LINEAR_NAMES.includes(name)) refuse('method.targets', `${JSON.stringify(name)} is none of ${LINEAR_NAMES.join(', ')}`);
    }
  } else if (method.kind !== 'full') refuse('method.kind', 'must be full or lora');
  return settings;
}

/** Learning rate of a step (from 0): linear warm-up, then the schedule over the whole budget. */
export function learningRateAt(settings: TrainerSettings, step: number): number {
  const warm = Math.min(1, (step + 1) / Math.max(1, settings.warmupSteps));
  const done = step / settings.steps;
  const shape = {
    constant: 1,
    linear: Math.max(settings.finalRate, 1 - done),
    cosine: settings.finalRate + (1 - settings.finalRate) * 0.5 * (1 + Math.cos(Math.PI * done)),
  }[settings.schedule];
  return settings.learningRate * warm * shape;
}
