// SPDX-License-Identifier: Apache-2.0

/** A metric in an expression, with the labels that the expression expects of it and the values that it names outright. */
export interface LabelUse {
  metric: string;
  labels: string[];
  values: [label: string, value: string][];
}

const METRIC = String.raw`\b(?:millrace[\w:]*|up|ALERTS|process_\w+|nodejs_\w+)\b`;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g;

/** Labels of selectors, of `by (...)` for the metrics that it aggregates, and of `on (...)` for all metrics of its operands. */
export function labelUses(expr: string): LabelUse[] {
  const uses = selectors(expr);
  for (const clause of expr.matchAll(/\b(by|on)\s*\(([^)]*)\)/g)) {
    const labels = clause[2].split(',').map((label) => label.trim());
    const end = clause.index + clause[0].length;
    const range = clause[1] === 'by' ? parenthesesAfter(expr, end) : parenthesesAround(expr, clause.index);
    for (const use of selectors(expr)) if (use.at >= range[0] && use.at < range[1]) uses.push({ ...use, labels, values: [] });
  }
  return uses.map(({ metric, labels, values }) => ({ metric, labels, values }));
}

/** Labels that the result of an expression can have; undefined: all of its metrics. */
export function resultLabels(expr: string): string[] | undefined {
  const by = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, labels]) => labels.split(',').map((label) => label.trim()));
  return by.length > 0 || /\b(sum|max|min|count)\s*\(/.test(expr) ? by : undefined;
}

/** `{{ $labels.consumer }}` of annotations and `{{consumer}}` of legends. */
export function templateLabels(text: string): string[] {
  return [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z]\w*)\s*\}\}/g)].map(([, label]) => label);
}

function selectors(expr: string): (LabelUse & { at: number })[] {
  return [...expr.matchAll(new RegExp(`(${METRIC})(?:\\{([^}]*)\\})?`, 'g'))].map(({ index, 1: metric, 2: inside = '' }) => {
    const matchers = [...inside.matchAll(MATCHER)];
    return {
      at: index,
      metric,
      labels: matchers.map(([, label]) => label),
      values: matchers.flatMap(([, label, operator, value]): [string, string][] => {
        if (operator === '=' || operator === '!=') return [[label, value]];
        return /^[\w|-]+$/.test(value) ? value.split('|').map((each) => [label, each]) : [];
      }),
    };
  });
}

function parenthesesAfter(expr: string, from: number): [number, number] {
  const start = expr.indexOf('(', from);
  return [start, closing(expr, start)];
}

function parenthesesAround(expr: string, at: number): [number, number] {
  for (let start = at, depth = 0; start >= 0; start -= 1) {
    if (expr[start] === ')') depth += 1;
    if (expr[start] === '(') depth -= 1;
    if (depth < 0) return [start, closing(expr, start)];
  }
  return [0, expr.length];
}

function closing(expr: string, start: number): number {
  for (let end = start, depth = 0; end < expr.length; end += 1) {
    if (expr[end] === '(') depth += 1;
    if (expr[end] === ')') depth -= 1;
    if (depth === 0) return end;
  }
  return expr.length;
}
