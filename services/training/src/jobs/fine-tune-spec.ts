// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from './failure';
import { type HyperparameterRules, nearestName, resolveHyperparameters } from './hyperparameters';
import type { FineTuneSpec } from './job';
import { readInputs, readLabels, readName, readText, readWhole, refuseUnknown } from './spec-fields';
import { parseTemplate } from './template';

/** A fine-tune as a caller gives it; every field is checked. */
export type FineTuneSpecInput = { [Field in keyof FineTuneSpec]?: unknown };

const FIELDS: readonly (keyof FineTuneSpec)[] = [
  'displayName',
  'registeredModelName',
  'experimentName',
  'trainer',
  'baseModel',
  'inputs',
  'promptTemplate',
  'answerTemplate',
  'labels',
  'hyperparameters',
  'priority',
  'recipeRunId',
  'pipelineRunId',
];

export const DEFAULT_TRAINER = 'tiny-lm';

/** The spec with defaults filled in. Adds a violation for every fault; the result means something only when there is none. */
export function readFineTuneSpec(
  given: FineTuneSpecInput,
  trainers: ReadonlyMap<string, HyperparameterRules>,
  violations: JobViolation[],
): FineTuneSpec {
  refuseUnknown(given, FIELDS, '', violations);
  const prompt = readText(given.promptTemplate, 'promptTemplate', violations, 10_000);
  const answer = readText(given.answerTemplate, 'answerTemplate', violations, 10_000);
  parseTemplate(prompt, 'promptTemplate', violations);
  parseTemplate(answer, 'answerTemplate', violations);
  const inputs = readInputs(given.inputs, 'inputs', violations, { prompt, answer });
  if (inputs.length === 0) violations.push({ field: 'inputs', message: 'name at least one dataset version' });
  const registeredModelName = readName(given.registeredModelName, 'registeredModelName', violations, true);
  const trainer = readName(given.trainer, 'trainer', violations, false) || DEFAULT_TRAINER;
  const rules = trainers.get(trainer);
  if (!rules) {
    const known = [...trainers.keys()];
    const near = nearestName(trainer, known);
    violations.push({
      field: 'trainer',
      message: `unknown trainer${near ? `; did you mean ${near}?` : `; known: ${known.join(', ')}`}`,
    });
  }
  const baseModel = readText(given.baseModel, 'baseModel', violations, 200);
  if (baseModel === '') violations.push({ field: 'baseModel', message: 'is required' });
  return {
    displayName: readName(given.displayName, 'displayName', violations, false) || registeredModelName,
    registeredModelName,
    experimentName: readName(given.experimentName, 'experimentName', violations, false) || registeredModelName,
    trainer,
    baseModel,
    inputs,
    promptTemplate: prompt,
    answerTemplate: answer,
    labels: readLabels(given.labels, 'labels', violations),
    hyperparameters: resolveHyperparameters(rules ?? {}, rules ? readObject(given.hyperparameters, violations) : {}, violations),
    priority: readWhole(given.priority, 'priority', violations, { min: -100, max: 100, absent: 0 }),
    recipeRunId: readText(given.recipeRunId, 'recipeRunId', violations, 100),
    pipelineRunId: readText(given.pipelineRunId, 'pipelineRunId', violations, 100),
  };
}

function readObject(value: unknown, violations: JobViolation[]): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  violations.push({ field: 'hyperparameters', message: 'must be an object' });
  return {};
}
