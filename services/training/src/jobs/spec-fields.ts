// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from './failure';
import type { EvaluationSliceSpec, JobInputSpec } from './job';
import { parseTemplate } from './template';

const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,199}$/u;
const REFERENCE = /^[^\s/]{1,200}(\/(latest|[1-9][0-9]{0,8}))?$/;
const DIGEST = /^[0-9a-f]{64}$/;

/** True for a bare lower-case sha256. */
export const isDigest = (text: string): boolean => DIGEST.test(text);

/** Text as given, or a violation. */
export function readText(value: unknown, field: string, violations: JobViolation[], charactersMax = 1000): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') violations.push({ field, message: 'must be text' });
  else if (value.length > charactersMax) violations.push({ field, message: `must have at most ${charactersMax} characters` });
  else return value;
  return '';
}

/** A name for people and for the registry: letters, digits, blank, ".", "_", "-". */
export function readName(value: unknown, field: string, violations: JobViolation[], required: boolean): string {
  const text = readText(value, field, violations, 200).trim();
  if (text === '') {
    if (required) violations.push({ field, message: 'is required' });
    return '';
  }
  if (!NAME.test(text))
    violations.push({ field, message: 'may hold letters, digits, blanks, ".", "_" and "-", and starts with a letter or digit' });
  return text;
}

/** A whole number within bounds; `absent` when nothing is given. */
export function readWhole(
  value: unknown,
  field: string,
  violations: JobViolation[],
  bounds: { min: number; max: number; absent: number },
): number {
  if (value === undefined || value === null) return bounds.absent;
  const figure = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (typeof figure === 'number' && Number.isInteger(figure) && figure >= bounds.min && figure <= bounds.max) return figure;
  violations.push({ field, message: `must be a whole number from ${bounds.min} to ${bounds.max}` });
  return bounds.absent;
}

const LABEL_CHARACTERS_MAX = 500;

/** Distinct, non-blank labels. */
export function readLabels(value: unknown, field: string, violations: JobViolation[]): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > 10_000) {
    violations.push({ field, message: 'must be a list of at most 10000 labels' });
    return [];
  }
  value.forEach((label: unknown, index) => {
    if (typeof label !== 'string' || label.trim() === '')
      violations.push({ field: `${field}[${index}]`, message: 'must be text that is not blank' });
    else if (label.length > LABEL_CHARACTERS_MAX)
      violations.push({ field: `${field}[${index}]`, message: `must have at most ${LABEL_CHARACTERS_MAX} characters` });
  });
  return [...new Set(value.filter((label): label is string => typeof label === 'string').map((label) => label.trim()))];
}

/** Dataset versions with role, weight and templates; templates fall back to those of the job. */
export function readInputs(
  value: unknown,
  field: string,
  violations: JobViolation[],
  templates: { prompt: string; answer: string },
): JobInputSpec[] {
  if (!Array.isArray(value))
    return value === undefined || value === null ? [] : (violations.push({ field, message: 'must be a list' }), []);
  if (value.length > 100) violations.push({ field, message: 'must have at most 100 entries' });
  const inputs = value
    .slice(0, 100)
    .map((entry: unknown, index) => readInput(entry, `${field}[${index}]`, violations, templates));
  const weighted = inputs.filter((input) => input.weight > 0).length;
  if (weighted > 0 && weighted < inputs.length) {
    violations.push({
      field: `${field}[${inputs.findIndex((input) => input.weight === 0)}].weight`,
      message: 'give every input a weight, or none',
    });
  }
  return inputs;
}

function readInput(
  entry: unknown,
  at: string,
  violations: JobViolation[],
  templates: { prompt: string; answer: string },
): JobInputSpec {
  if (typeof entry !== 'object' || entry === null) violations.push({ field: at, message: 'must be an object' });
  const given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  const weight = given.weight ?? 0;
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1))
    violations.push({ field: `${at}.weight`, message: 'must be a number from 0 to 1' });
  const input: JobInputSpec = {
    datasetVersion: readReference(given.datasetVersion, `${at}.datasetVersion`, violations),
    role: readName(given.role, `${at}.role`, violations, false) || 'train',
    weight: typeof weight === 'number' ? weight : 0,
    promptTemplate: readText(given.promptTemplate, `${at}.promptTemplate`, violations, 10_000) || templates.prompt,
    answerTemplate: readText(given.answerTemplate, `${at}.answerTemplate`, violations, 10_000) || templates.answer,
  };
  // The job's own templates are checked once, under their own name.
  if (input.promptTemplate !== templates.prompt) parseTemplate(input.promptTemplate, `${at}.promptTemplate`, violations);
  if (input.answerTemplate !== templates.answer) parseTemplate(input.answerTemplate, `${at}.answerTemplate`, violations);
  return input;
}

/** A version id, `<dataset>/<number>` or `<dataset>/latest`. */
export function readReference(value: unknown, field: string, violations: JobViolation[]): string {
  if (typeof value === 'string' && REFERENCE.test(value)) return value;
  violations.push({ field, message: 'must be a dataset version: an id, "<dataset>/<number>" or "<dataset>/latest"' });
  return '';
}

/** Named slices; names are unique. */
export function readSlices(value: unknown, field: string, violations: JobViolation[]): EvaluationSliceSpec[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > 100) {
    violations.push({ field, message: 'must list 1 to 100 slices' });
    return [];
  }
  const names = new Set<string>();
  return value.map((entry: unknown, index) => {
    const at = `${field}[${index}]`;
    const given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
    const name = readName(given.name, `${at}.name`, violations, true);
    if (names.has(name)) violations.push({ field: `${at}.name`, message: `${JSON.stringify(name)} is used twice` });
    names.add(name);
    return { name, datasetVersion: readReference(given.datasetVersion, `${at}.datasetVersion`, violations) };
  });
}

/** Refuses fields that are not known, so that a misspelt one is no silent default. */
export function refuseUnknown(given: object, known: readonly string[], prefix: string, violations: JobViolation[]): void {
  for (const name of Object.keys(given))
    if (!known.includes(name)) violations.push({ field: `${prefix}${name}`, message: 'unknown field' });
}
