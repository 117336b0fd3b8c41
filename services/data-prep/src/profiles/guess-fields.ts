// SPDX-License-Identifier: Apache-2.0
import { getField, textOf } from '../recipes/recipe-rows';

const TEXT_NAMES = ['text', 'prompt', 'content', 'messages', 'definition', 'instruction', 'question', 'input'];
const LABEL_NAMES = ['label', 'answer', 'class', 'category', 'target', 'intent', 'domain'];
const LABELS_MAX = 50;

/** Field that holds the main text, from the first rows: a usual name, else the texts that are longest on average. */
export function guessTextField(rows: readonly Record<string, unknown>[]): string | undefined {
  const filled = (name: string) => rows.filter((row) => textOf(row, name) !== '').length >= rows.length / 2;
  const usual = TEXT_NAMES.find(filled);
  if (usual && rows.length > 0) return usual;
  const totals = new Map<string, number>();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row))
      if (typeof value === 'string') totals.set(name, (totals.get(name) ?? 0) + value.length);
  }
  const longest = [...totals].sort(([, x], [, y]) => y - x)[0];
  return longest && longest[1] / Math.max(1, rows.length) >= 10 ? longest[0] : undefined;
}

/** Field that holds a label: a usual name with few different short values. */
export function guessLabelField(rows: readonly Record<string, unknown>[]): string | undefined {
  return LABEL_NAMES.find((name) => {
    const values = rows.map((row) => getField(row, name)).filter((value) => value !== undefined && value !== null);
    const isScalar = values.every(
      (value) =>
        ['string', 'number', 'boolean'].includes(typeof value) && String(value as string | number | boolean).length <= 100,
    );
    return values.length >= rows.length / 2 && values.length > 0 && isScalar && new Set(values).size <= LABELS_MAX;
  });
}
