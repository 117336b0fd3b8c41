// SPDX-License-Identifier: Apache-2.0
import type { PiiType } from '../redaction/detect-pii';
import { maskedText, redactText } from '../redaction/redact-text';
import type { MapStep, RecipeStep, RedactStep } from './recipe';
import type { RecipeRow } from './recipe-rows';
import type { RowResult } from './ledger-entry';
import { MissingValue } from './template';

const VALUE_CHARACTERS_MAX = 200;

/** A value as the ledger may keep it: personal data masked, cut to 200 characters. */
export function ledgerValue(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return maskedText(typeof value === 'string' ? value : JSON.stringify(value), VALUE_CHARACTERS_MAX);
}

/** Steps that need one row at a time. */
export function rowStep(step: RecipeStep, pseudonymKey: string): (row: RecipeRow) => RowResult {
  switch (step.kind) {
    case 'select':
      return (row) => selectFields(row, step.fields);
    case 'map':
      return (row) => mapRow(row, step);
    case 'filter':
      return (row) => {
        const failure = step.where.failure(row.data);
        if (!failure) return { row };
        return {
          entry: {
            action: 'dropped',
            rule: failure.rule,
            value: ledgerValue(failure.value),
            threshold: ledgerValue(failure.threshold),
          },
        };
      };
    case 'redact_pii':
      return redactor(step, pseudonymKey);
    default:
      throw new TypeError(`${step.kind} needs all rows`);
  }
}

function selectFields(row: RecipeRow, fields: string[]): RowResult {
  // fromEntries defines own properties, so a field called "__proto__" stays data.
  const data = Object.fromEntries(
    fields.filter((field) => Object.hasOwn(row.data, field)).map((field) => [field, row.data[field]]),
  );
  return { row: { ...row, data }, changed: true };
}

function mapRow(row: RecipeRow, step: MapStep): RowResult {
  const set: [string, unknown][] = [];
  for (const { field, template } of step.set) {
    const value = template.render(row.data);
    if (!(value instanceof MissingValue)) set.push([field, value]);
    else if (step.onMissing === 'null') set.push([field, null]);
    else {
      return {
        entry: {
          action: 'dropped',
          rule: `set ${field}: ${value.path} is missing`,
          value: null,
          threshold: template.source.slice(0, 200),
        },
      };
    }
  }
  const renamed = new Map(step.rename.map(({ from, to }) => [from, to]));
  const replaced = new Set([...set.map(([field]) => field), ...step.remove]);
  const taken = new Set(step.rename.filter(({ from }) => Object.hasOwn(row.data, from)).map(({ to }) => to));
  const kept = Object.entries(row.data)
    .filter(([field]) => !replaced.has(field) && (renamed.has(field) || !taken.has(field)))
    .map(([field, value]): [string, unknown] => [renamed.get(field) ?? field, value]);
  const made = set.reduce((sum, [, value]) => sum + (typeof value === 'string' ? value.length : 0), 0);
  return { row: { ...row, data: Object.fromEntries([...kept, ...set]) }, changed: true, made };
}

function redactor(step: RedactStep, pseudonymKey: string): (row: RecipeRow) => RowResult {
  const options = { types: new Set<PiiType>(step.types), pseudonymKey, pseudonymDigits: step.pseudonymDigits };
  return (row) => {
    const found = new Map<string, number>();
    const redact = (value: unknown): unknown => {
      if (typeof value === 'string') {
        const { text, matches } = redactText(value, options);
        for (const match of matches) found.set(match.type, (found.get(match.type) ?? 0) + 1);
        return text;
      }
      if (Array.isArray(value)) return value.map(redact);
      if (typeof value === 'object' && value !== null)
        return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item)]));
      return value;
    };
    const fields = step.fields.length > 0 ? new Set(step.fields) : undefined;
    const data = Object.fromEntries(
      Object.entries(row.data).map(([field, value]) => [field, fields && !fields.has(field) ? value : redact(value)]),
    );
    if (found.size === 0) return { row };
    const types = [...found].sort(([x], [y]) => (x < y ? -1 : 1));
    const rule = types.map(([type]) => type).join('+');
    const value = types.map(([type, count]) => `${type} x ${count}`).join(', ');
    return { row: { ...row, data }, changed: true, entry: { action: 'changed', rule, value, threshold: null } };
  };
}
