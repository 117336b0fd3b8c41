// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path';
import { type HyperparameterRules, tinyLmHyperparameters } from '../jobs/hyperparameters';

/** Name of the built-in evaluator among the commands. */
export const EVALUATOR = 'tiny-lm-evaluator';

/** Trainers by name: the command that runs each, and the settings that its jobs may carry. */
export class TrainerCatalog {
  readonly rules: ReadonlyMap<string, HyperparameterRules>;
  private readonly commands: ReadonlyMap<string, readonly string[]>;

  /** `overrides` is JSON `{"name": ["program", "argument"...]}`; it may replace the built-in ones. */
  constructor(options: { memoryMegabytes: number; overrides: string }) {
    const node = (file: string): string[] => [
      process.execPath,
      `--max-old-space-size=${options.memoryMegabytes}`,
      join(__dirname, file),
    ];
    const builtIn: Record<string, readonly string[]> = {
      'tiny-lm': node('tiny-lm-trainer.js'),
      [EVALUATOR]: node('tiny-lm-evaluator.js'),
    };
    this.commands = new Map(Object.entries({ ...builtIn, ...parseOverrides(options.overrides) }));
    const names = [...this.commands.keys()].filter((name) => name !== EVALUATOR);
    // Trainers of other languages take the same settings until they declare their own.
    this.rules = new Map(names.map((name) => [name, tinyLmHyperparameters]));
  }

  command(name: string): readonly string[] {
    return this.commands.get(name) ?? [];
  }
}

function parseOverrides(json: string): Record<string, string[]> {
  if (json === '') return {};
  const parsed = JSON.parse(json) as unknown;
  const entries = Object.entries(parsed as object) as [string, unknown][];
  for (const [name, command] of entries) {
    if (!Array.isArray(command) || command.length === 0 || !command.every((part) => typeof part === 'string')) {
      throw new TypeError(`TRAINER_COMMANDS: ${name} must be a list of words`);
    }
  }
  return Object.fromEntries(entries) as Record<string, string[]>;
}
