// SPDX-License-Identifier: Apache-2.0
import type { JobViolation } from './failure';

type Part = { text: string } | { column: string };

/** A parsed template: text with `{column}` marks; `{{` and `}}` are plain braces. */
export interface Template {
  readonly source: string;
  readonly columns: readonly string[];
  /** Characters that `render` would give: a short template can make gigabytes of a long row. */
  lengthOf(row: Readonly<Record<string, unknown>>): number;
  render(row: Readonly<Record<string, unknown>>): string;
}

const LENGTH_MAX = 10_000;

/** Parses a template. Adds a violation on `field` and returns undefined when it is malformed or names no column. */
export function parseTemplate(source: string, field: string, violations: JobViolation[]): Template | undefined {
  const refuse = (message: string): undefined => {
    violations.push({ field, message });
    return undefined;
  };
  if (source === '') return refuse('is required, such as "{text}"');
  if (source.length > LENGTH_MAX) return refuse(`is longer than ${LENGTH_MAX} characters`);
  const parts: Part[] = [];
  const tokens = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g;
  for (const match of source.matchAll(tokens)) {
    const [token, column] = match;
    if (column !== undefined) {
      if (!/^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(column)) {
        return refuse(`position ${match.index + 1}: ${JSON.stringify(token)} is no column name`);
      }
      parts.push({ column });
    } else if (token === '{{' || token === '}}') parts.push({ text: token.slice(1) });
    else if (token === '{' || token === '}')
      return refuse(`position ${match.index + 1}: unbalanced ${token}; write ${token}${token} for a brace`);
    else parts.push({ text: token });
  }
  const columns = [...new Set(parts.flatMap((part) => ('column' in part ? [part.column] : [])))];
  if (columns.length === 0) return refuse('names no column; write {column} where a value of the row goes');
  const texts = (row: Readonly<Record<string, unknown>>): string[] =>
    parts.map((part) => ('text' in part ? part.text : String(row[part.column])));
  return {
    source,
    columns,
    lengthOf: (row) => texts(row).reduce((sum, text) => sum + text.length, 0),
    render: (row) => texts(row).join(''),
  };
}
