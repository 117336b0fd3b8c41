// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from './failure';

export type HyperparameterValue = number | string | boolean;

interface NumberRule {
  type: 'integer' | 'number';
  default: number;
  min: number;
  max: number;
  doc: string;
}

interface ChoiceRule {
  type: 'choice';
  default: string;
  choices: readonly string[];
  doc: string;
}

export type HyperparameterRule = NumberRule | ChoiceRule;
export type HyperparameterRules = Readonly<Record<string, HyperparameterRule>>;

/** Settings of the built-in trainer, with the ranges that a job is checked against before anything is spent. */
export const tinyLmHyperparameters: HyperparameterRules = {
  method: {
    type: 'choice',
    default: 'full',
    choices: ['full', 'lora'],
    doc: 'Train all weights, or low-rank adapters merged at the end.',
  },
  steps: { type: 'integer', default: 1200, min: 1, max: 1_000_000, doc: 'Optimizer steps.' },
  batchSize: { type: 'integer', default: 16, min: 1, max: 256, doc: 'Rows per step.' },
  gradientAccumulation: { type: 'integer', default: 1, min: 1, max: 64, doc: 'Parts that each step is cut into.' },
  learningRate: { type: 'number', default: 2e-3, min: 1e-7, max: 1, doc: 'Highest learning rate.' },
  warmupSteps: { type: 'integer', default: 20, min: 0, max: 100_000, doc: 'Steps until the highest learning rate.' },
  schedule: {
    type: 'choice',
    default: 'linear',
    choices: ['constant', 'linear', 'cosine'],
    doc: 'How the learning rate falls after the warm-up.',
  },
  finalLearningRateShare: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 1,
    doc: 'Share of the learning rate that is left at the end.',
  },
  weightDecay: { type: 'number', default: 0, min: 0, max: 1, doc: 'Weight decay of AdamW.' },
  gradientNormMax: { type: 'number', default: 1, min: 1e-6, max: 1e6, doc: 'Gradients are scaled down to this norm.' },
  tokenDropout: { type: 'number', default: 0.15, min: 0, max: 0.9, doc: 'Share of prompt tokens that are hidden in training.' },
  laterTokenWeight: {
    type: 'number',
    default: 1,
    min: 0,
    max: 10,
    doc: 'Weight of the tokens after the first one of an answer.',
  },
  tooLongShareMax: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 1,
    doc: 'Share of rows that may be left out because they do not fit the context.',
  },
  loraRank: { type: 'integer', default: 8, min: 1, max: 256, doc: 'Rank of the adapters (method lora).' },
  loraAlpha: { type: 'number', default: 16, min: 1e-3, max: 1024, doc: 'Scale of the adapters (method lora).' },
  seed: { type: 'integer', default: 1, min: 0, max: 2 ** 31 - 1, doc: 'Seed of every random choice.' },
  checkpointSteps: { type: 'integer', default: 200, min: 1, max: 1_000_000, doc: 'Steps between checkpoints.' },
};

/**
 * Settings with defaults filled in; `given` may hold text (gRPC) or typed values (HTTP), and "auto" means the default.
 * Adds one violation per fault: unknown names, wrong types, values out of range.
 */
export function resolveHyperparameters(
  rules: HyperparameterRules,
  given: Readonly<Record<string, unknown>>,
  violations: JobViolation[],
): Record<string, HyperparameterValue> {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(rules, name)) continue;
    const near = nearestName(name, Object.keys(rules));
    violations.push({
      field: `hyperparameters.${name}`,
      message: `unknown setting${near ? `; did you mean ${near}?` : `; known: ${Object.keys(rules).join(', ')}`}`,
    });
  }
  const resolved: Record<string, HyperparameterValue> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    resolved[name] = value === undefined || value === 'auto' ? rule.default : readValue(name, rule, value, violations);
  }
  return resolved;
}

function readValue(name: string, rule: HyperparameterRule, value: unknown, violations: JobViolation[]): HyperparameterValue {
  const refuse = (message: string): HyperparameterValue => {
    violations.push({ field: `hyperparameters.${name}`, message });
    return rule.default;
  };
  if (rule.type === 'choice') {
    if (typeof value === 'string' && rule.choices.includes(value)) return value;
    return refuse(`must be one of ${rule.choices.join(', ')}, got ${JSON.stringify(value)}`);
  }
  const figure = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  const noun = rule.type === 'integer' ? 'a whole number' : 'a number';
  if (typeof figure !== 'number' || !Number.isFinite(figure) || (rule.type === 'integer' && !Number.isInteger(figure))) {
    return refuse(`must be ${noun}, got ${JSON.stringify(value)}`);
  }
  if (figure < rule.min || figure > rule.max) return refuse(`must be from ${rule.min} to ${rule.max}, got ${figure}`);
  return figure;
}

/** The known name within two edits, if any. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((candidate) => ({ candidate, edits: edits(name.toLowerCase(), candidate.toLowerCase()) }));
  ranked.sort((a, b) => a.edits - b.edits);
  return ranked[0] && ranked[0].edits <= 2 ? ranked[0].candidate : undefined;
}

// Levenshtein distance; names are short.
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const following = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      following.push(Math.min(change, (row[j] ?? 0) + 1, (following[j - 1] ?? 0) + 1));
    }
    row = following;
  }
  return row[b.length] ?? 0;
}
