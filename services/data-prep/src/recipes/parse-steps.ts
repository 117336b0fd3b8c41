// SPDX-License-Identifier: Apache-2.0
import { isMap, isScalar, isSeq, type Node } from 'yaml';
import type { SurvivorPolicy } from '../near-duplicates/select-survivors';
import { PII_TYPES, type PiiType } from '../redaction/detect-pii';
import { didYouMean } from './did-you-mean';
import { Expression } from './expression';
import { ExpressionError } from './expression-parser';
import type { RecipeStep } from './recipe';
import { Template, TemplateError } from './template';
import type { FieldValue, YamlReader } from './yaml-reader';

interface StepInput {
  reader: YamlReader;
  /** Undefined where the step is written without settings. */
  node: FieldValue;
  path: string;
  textField: string;
}

/** Distributes over the union, so that each parser returns one whole kind of step. */
type Parsed = RecipeStep extends infer S ? (S extends RecipeStep ? Omit<S, 'line'> : never) : never;
export type StepKind = RecipeStep['kind'];

const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype', '_row_id']);
const OUTPUT_NAME = /^[a-z][a-z0-9_-]{0,39}$/;
const SHARE_TOLERANCE = 1e-6;

export const STEP_PARSERS: Readonly<Record<StepKind, (input: StepInput) => Parsed | undefined>> = {
  select: parseSelect,
  map: parseMap,
  filter: parseFilter,
  redact_pii: parseRedact,
  exact_dedup: parseExactDedup,
  near_dedup: parseNearDedup,
  split: parseSplit,
};

/** Fields of a step that may be written without any. */
function optionalFields<K extends string>(input: StepInput, known: readonly K[]): Partial<Record<K, Node>> | undefined {
  return input.node ? input.reader.fields(input.node, input.path, { known }) : {};
}

function fieldName(input: StepInput, name: string, at: { node: FieldValue; path: string }): string {
  if (FORBIDDEN_NAMES.has(name)) input.reader.problem(at.path, at.node, `"${name}" is reserved and cannot be used as a field`);
  return name;
}

function parseSelect(input: StepInput): Parsed | undefined {
  const { reader, node, path } = input;
  const list = isSeq(node) ? node : reader.fields(node, path, { known: ['fields'], required: ['fields'] })?.fields;
  if (!list) return undefined;
  const listPath = isSeq(node) ? path : `${path}.fields`;
  const fields = reader.strings(list, listPath);
  if (fields.length === 0 && isSeq(list)) reader.problem(listPath, list, 'must name at least one field');
  return { kind: 'select', fields, removedShareMax: 1 };
}

function parseMap(input: StepInput): Parsed | undefined {
  const { reader, path } = input;
  const fields = reader.fields(input.node, path, { known: ['rename', 'set', 'remove', 'on_missing', 'removed_share_max'] });
  if (!fields) return undefined;
  const rename = mapping(input, fields.rename, 'rename').map(({ key, value, at }) => ({
    from: key,
    to: fieldName(input, value, at),
  }));
  const set = mapping(input, fields.set, 'set').flatMap(({ key, value, at }) => {
    const template = compiled(input, at, () => new Template(value));
    return template ? [{ field: fieldName(input, key, at), template }] : [];
  });
  const remove = reader.strings(fields.remove, `${path}.remove`);
  if (rename.length + set.length + remove.length === 0)
    reader.problem(path, input.node, 'does nothing: give rename, set or remove');
  const onMissing = reader.choice(fields.on_missing, `${path}.on_missing`, ['drop', 'null']);
  return { kind: 'map', rename, set, remove, onMissing, removedShareMax: removedShareMax(input, fields.removed_share_max) };
}

/** A mapping of names to texts. */
function mapping(
  input: StepInput,
  node: FieldValue,
  name: string,
): { key: string; value: string; at: { node: Node; path: string } }[] {
  const { reader } = input;
  if (!node) return [];
  if (!isMap(node)) {
    reader.problem(`${input.path}.${name}`, node, 'must be a mapping of field names to texts');
    return [];
  }
  return reader.entries(node).map(({ key, value }) => {
    const path = `${input.path}.${name}.${key}`;
    // An empty text is a fair template; everything else that is no text is not.
    const isText = isScalar(value) && typeof value.value === 'string';
    return { key, value: isText ? (value.value as string) : reader.string(value, path, ''), at: { node: value, path } };
  });
}

function compiled<T>(input: StepInput, at: { node: FieldValue; path: string }, compile: () => T): T | undefined {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof ExpressionError || error instanceof TemplateError)) throw error;
    input.reader.problem(at.path, at.node, error.message);
    return undefined;
  }
}

function parseFilter(input: StepInput): Parsed | undefined {
  const { reader, node, path } = input;
  const isShort = isScalar(node);
  const fields = isShort
    ? { where: node as Node }
    : reader.fields(node, path, { known: ['where', 'removed_share_max'], required: ['where'] });
  if (!fields?.where) return undefined;
  const at = { node: fields.where, path: isShort ? path : `${path}.where` };
  const source = reader.string(fields.where, at.path, 'true');
  const where = compiled(input, at, () => new Expression(source));
  const share = 'removed_share_max' in fields ? (fields.removed_share_max as Node) : undefined;
  return where && { kind: 'filter', where, removedShareMax: removedShareMax(input, share) };
}

function parseRedact(input: StepInput): Parsed | undefined {
  const { reader, path } = input;
  const fields = optionalFields(input, ['fields', 'types', 'pseudonym_digits']);
  if (!fields) return undefined;
  const types = reader.items(fields.types, `${path}.types`, PII_TYPES.length).map((item) => {
    const name = reader.string(item.node, item.path, 'EMAIL').toUpperCase();
    if (!(PII_TYPES as readonly string[]).includes(name)) {
      reader.problem(item.path, item.node, `unknown type${didYouMean(name, PII_TYPES).replace(/\?$/, '?').toLowerCase()}`);
    }
    return name as PiiType;
  });
  return {
    kind: 'redact_pii',
    fields: reader.strings(fields.fields, `${path}.fields`),
    types: types.length > 0 ? types : [...PII_TYPES],
    pseudonymDigits: reader.number(fields.pseudonym_digits, `${path}.pseudonym_digits`, {
      fallback: 4,
      min: 4,
      max: 16,
      integer: true,
    }),
    removedShareMax: 1,
  };
}

function parseExactDedup(input: StepInput): Parsed | undefined {
  const { reader, path } = input;
  const fields = optionalFields(input, ['fields', 'normalise', 'keep', 'removed_share_max']);
  if (!fields) return undefined;
  return {
    kind: 'exact_dedup',
    fields: reader.strings(fields.fields, `${path}.fields`),
    normalise: reader.boolean(fields.normalise, `${path}.normalise`, false),
    keep: survivorPolicy(input, fields.keep),
    removedShareMax: removedShareMax(input, fields.removed_share_max),
  };
}

function parseNearDedup(input: StepInput): Parsed | undefined {
  const fields = optionalFields(input, ['field', 'threshold', 'shingle_words', 'keep', 'removed_share_max']);
  if (!fields) return undefined;
  return {
    kind: 'near_dedup',
    ...similarity(input, fields),
    keep: survivorPolicy(input, fields.keep),
    removedShareMax: removedShareMax(input, fields.removed_share_max),
  };
}

function similarity(input: StepInput, fields: Partial<Record<'field' | 'threshold' | 'shingle_words', Node>>) {
  const { reader, path } = input;
  return {
    field: reader.string(fields.field, `${path}.field`, input.textField),
    // Below .5 the 32 x 4 bands miss more than an eighth of the pairs: a result that looks complete and is not.
    threshold: reader.number(fields.threshold, `${path}.threshold`, { fallback: 0.7, min: 0.5, max: 1 }),
    shingleWords: reader.number(fields.shingle_words, `${path}.shingle_words`, { fallback: 5, min: 1, max: 20, integer: true }),
  };
}

function parseSplit(input: StepInput): Parsed | undefined {
  const { reader, path } = input;
  const fields = reader.fields(input.node, path, {
    known: ['outputs', 'field', 'threshold', 'shingle_words', 'group_by', 'seed', 'removed_share_max'],
    required: ['outputs'],
  });
  if (!fields?.outputs) return undefined;
  return {
    kind: 'split',
    outputs: splitOutputs(input, fields.outputs),
    ...similarity(input, fields),
    ...(fields.group_by ? { groupBy: reader.string(fields.group_by, `${path}.group_by`, '') } : {}),
    seed: reader.string(fields.seed, `${path}.seed`, 'millrace'),
    removedShareMax: removedShareMax(input, fields.removed_share_max),
  };
}

function splitOutputs(input: StepInput, node: Node): { name: string; share: number }[] {
  const { reader } = input;
  const path = `${input.path}.outputs`;
  if (!isMap(node)) {
    reader.problem(path, node, 'must be a mapping of output names to shares, such as {train: 0.9, held-out: 0.1}');
    return [];
  }
  const outputs = reader.entries(node).map(({ key, keyNode, value }) => {
    if (!OUTPUT_NAME.test(key))
      reader.problem(`${path}.${key}`, keyNode, 'must be lower-case letters, digits, "-" and "_", at most 40');
    return { name: key, share: reader.number(value, `${path}.${key}`, { fallback: 0, min: 0.0001, max: 1 }) };
  });
  const sum = outputs.reduce((total, output) => total + output.share, 0);
  if (outputs.length < 2 || outputs.length > 10) reader.problem(path, node, 'must have 2 to 10 outputs');
  else if (Math.abs(sum - 1) > SHARE_TOLERANCE)
    reader.problem(path, node, `the shares add up to ${Number(sum.toFixed(6))}, not 1`);
  return outputs;
}

function survivorPolicy(input: StepInput, node: FieldValue): SurvivorPolicy {
  const { reader } = input;
  const path = `${input.path}.keep`;
  if (isMap(node)) {
    const fields = reader.fields(node, path, { known: ['max'], required: ['max'] });
    return { keep: 'max', field: reader.string(fields?.max, `${path}.max`, '') };
  }
  return { keep: reader.choice(node, path, ['first', 'longest']) };
}

function removedShareMax(input: StepInput, node: FieldValue): number {
  return input.reader.number(node, `${input.path}.removed_share_max`, { fallback: 1, min: 0, max: 1 });
}
