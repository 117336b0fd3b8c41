// SPDX-License-Identifier: Apache-2.0

/** What JSON escapes and an array literal of Postgres does not: control characters and halves of surrogate pairs. */
const ESCAPED_BY_JSON_ONLY = /[\u0000-\u001f\ud800-\udfff]/;

/**
 * Parameters with their arrays written as literals of Postgres where JSON writes the same, in one native call: the driver quotes
 * element by element, with two regular expressions each. Any other array is left to it.
 */
export function withArrayLiterals(params: unknown[] | undefined): unknown[] | undefined {
  return params?.some(Array.isArray) ? params.map((param) => (isPlainArray(param) ? literalOf(param) : param)) : params;
}

function isPlainArray(param: unknown): param is unknown[] {
  return Array.isArray(param) && param.every(isSameInBoth);
}

function isSameInBoth(value: unknown): boolean {
  if (typeof value === 'string') return !ESCAPED_BY_JSON_ONLY.test(value);
  return value === null || value === undefined || typeof value === 'boolean' || Number.isFinite(value);
}

function literalOf(values: unknown[]): string {
  return `{${JSON.stringify(values).slice(1, -1)}}`;
}
