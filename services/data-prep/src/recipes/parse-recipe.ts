// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { isMap, isScalar, isSeq } from 'yaml';
import { didYouMean } from './did-you-mean';
import { STEP_PARSERS, type StepKind } from './parse-steps';
import type { Recipe, RecipeStep } from './recipe';
import { RecipeErrors } from './recipes.errors';
import { YamlReader, type FieldValue } from './yaml-reader';

const STEPS_MAX = 50;
const STEP_KINDS = Object.keys(STEP_PARSERS) as StepKind[];
/** `near-dedup` and `redact-pii` are read as `near_dedup` and `redact_pii`. */
const stepKind = (key: string) => key.replaceAll('-', '_');

/** Reads a recipe and checks everything that can be checked without rows. Throws RECIPE_INVALID with every problem found. */
export function parseRecipe(text: string): Recipe {
  const reader = new YamlReader(text);
  const recipe = reader.problems.length === 0 ? readRecipe(reader, text) : undefined;
  if (!recipe || reader.problems.length > 0) {
    const violations = reader.problems.map(({ path, line, message }) => ({
      field: path,
      line,
      message: `${message} (line ${line})`,
    }));
    const [first] = reader.problems;
    const more = reader.problems.length > 1 ? ` (and ${reader.problems.length - 1} more)` : '';
    throw RecipeErrors.RECIPE_INVALID(`line ${first.line}: ${first.path ? `${first.path}: ` : ''}${first.message}${more}`, {
      violations,
    });
  }
  return recipe;
}

function readRecipe(reader: YamlReader, text: string): Recipe | undefined {
  const known = ['name', 'description', 'text_field', 'steps'] as const;
  const fields = reader.fields(reader.root, '', { known, required: ['steps'] });
  if (!fields) return undefined;
  const textField = reader.string(fields.text_field, 'text_field', 'text');
  reader.string(fields.description, 'description', '');
  const steps: RecipeStep[] = [];
  const items = reader.items(fields.steps, 'steps', STEPS_MAX);
  if (isSeq(fields.steps) && items.length === 0) reader.problem('steps', fields.steps, 'must have at least one step');
  for (const item of items) {
    const step = readStep(reader, item, textField);
    if (step) steps.push(step);
  }
  const split = steps.findIndex((step) => step.kind === 'split');
  if (split >= 0 && split !== steps.length - 1) {
    reader.problems.push({ path: `steps[${split}].split`, line: steps[split].line, message: 'must be the last step' });
  }
  return {
    name: reader.string(fields.name, 'name', 'recipe'),
    textField,
    steps,
    digest: createHash('sha256').update(text).digest('hex'),
  };
}

function readStep(reader: YamlReader, item: { node: FieldValue; path: string }, textField: string): RecipeStep | undefined {
  const { node, path } = item;
  if (!isMap(node) || node.items.length !== 1) {
    reader.problem(path, node, `must be one step: ${STEP_KINDS.join(', ')}`);
    return undefined;
  }
  const [{ key, keyNode, value }] = reader.entries(node);
  const kind = stepKind(key);
  if (!Object.hasOwn(STEP_PARSERS, kind)) {
    reader.problem(`${path}.${key}`, keyNode, `unknown step${didYouMean(kind, STEP_KINDS)}`);
    return undefined;
  }
  const empty = value === null || (isScalar(value) && value.value === null);
  const step = STEP_PARSERS[kind as StepKind]({ reader, node: empty ? undefined : value, path: `${path}.${key}`, textField });
  return step ? { ...step, line: reader.lineOf(keyNode) } : undefined;
}
