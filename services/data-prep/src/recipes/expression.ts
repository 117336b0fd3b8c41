// SPDX-License-Identifier: Apache-2.0
import { BoundedPattern } from './bounded-pattern';
import { didYouMean } from './did-you-mean';
import { ExpressionError, ExpressionParser, type ExpressionNode } from './expression-parser';
import { PatternError } from './pattern-parser';
import { asNumber, asText, getField } from './recipe-rows';
import { assertTextFits, PatternBudget } from './row-limits';

type Data = Record<string, unknown>;
type Evaluate = (data: Data) => unknown;

/** Why a row failed: the part of the expression that was false, what the row had there, and what was asked. */
export interface FilterFailure {
  rule: string;
  value: unknown;
  threshold: unknown;
}

interface Compiled {
  evaluate: Evaluate;
  /** Explains a false result. */
  explain: (data: Data) => FilterFailure;
}

/** Text beyond this is not given to patterns: past it a row has other problems than its wording. */
const PATTERN_TEXT_MAX = 100_000;

const isMissing = (value: unknown) => value === undefined || value === null;
const text = asText;

/** Characters as a reader counts them (code points). */
export function countCharacters(value: string): number {
  let count = value.length;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) count--;
  }
  return count;
}

/** Words as runs of anything but white space. */
export function countWords(value: string): number {
  let words = 0;
  let inWord = false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    const isSpace =
      code === 32 || (code >= 9 && code <= 13) || code === 0xa0 || code === 0x3000 || (code >= 0x2000 && code <= 0x200a);
    if (!isSpace && !inWord) words++;
    inWord = !isSpace;
  }
  return words;
}

const FUNCTIONS: Readonly<Record<string, { args: number; call: (...values: unknown[]) => unknown }>> = {
  length: { args: 1, call: (value) => (Array.isArray(value) ? value.length : countCharacters(text(value))) },
  words: { args: 1, call: (value) => countWords(text(value)) },
  lower: { args: 1, call: (value) => text(value).toLowerCase() },
  upper: { args: 1, call: (value) => text(value).toUpperCase() },
  trim: { args: 1, call: (value) => text(value).trim() },
  contains: { args: 2, call: (value, part) => (Array.isArray(value) ? value.includes(part) : text(value).includes(text(part))) },
  starts_with: { args: 2, call: (value, part) => text(value).startsWith(text(part)) },
  ends_with: { args: 2, call: (value, part) => text(value).endsWith(text(part)) },
  is_missing: { args: 1, call: isMissing },
  number: { args: 1, call: asNumber },
  type: {
    args: 1,
    call: (value) => (value === undefined ? 'missing' : value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value),
  },
};
/** `matches` is apart: its pattern is compiled with the recipe. */
export const FUNCTION_NAMES: readonly string[] = [...Object.keys(FUNCTIONS), 'matches'];

/** A filter expression, checked and compiled when the recipe is read. */
export class Expression {
  private readonly budget = new PatternBudget();
  private readonly compiled: Compiled;

  constructor(readonly source: string) {
    this.compiled = compile(new ExpressionParser(source).parse(), this.budget);
  }

  evaluate(data: Data): unknown {
    this.budget.renew();
    return this.compiled.evaluate(data);
  }

  /** Undefined if the row passes, else the reason. Anything but `true` fails: a missing value never passes a comparison. */
  failure(data: Data): FilterFailure | undefined {
    this.budget.renew();
    return this.compiled.evaluate(data) === true ? undefined : this.compiled.explain(data);
  }
}

function compile(node: ExpressionNode, budget: PatternBudget): Compiled {
  switch (node.type) {
    case 'literal':
      return plain(node, () => node.value);
    case 'field':
      return plain(node, (data) => getField(data, node.path));
    case 'list': {
      const items = node.items.map((item) => compile(item, budget).evaluate);
      return plain(node, (data) => items.map((item) => item(data)));
    }
    case 'negate': {
      const operand = compile(node.operand, budget).evaluate;
      return plain(node, (data) => -asNumber(operand(data)));
    }
    case 'not':
      return compileNot(node, budget);
    case 'call':
      return node.name === 'matches' ? compileMatches(node, budget) : compileCall(node, budget);
    case 'binary':
      return node.operator === 'and' || node.operator === 'or' ? compileLogic(node, budget) : compileOperator(node, budget);
  }
}

function plain(node: ExpressionNode, evaluate: Evaluate): Compiled {
  return { evaluate, explain: (data) => ({ rule: node.source, value: evaluate(data), threshold: true }) };
}

function compileNot(node: ExpressionNode & { type: 'not' | 'negate' }, budget: PatternBudget): Compiled {
  const operand = compile(node.operand, budget);
  return {
    evaluate: (data) => operand.evaluate(data) !== true,
    explain: (data) => ({ ...operand.explain(data), rule: node.source }),
  };
}

function compileLogic(node: ExpressionNode & { type: 'binary' }, budget: PatternBudget): Compiled {
  const left = compile(node.left, budget);
  const right = compile(node.right, budget);
  if (node.operator === 'and') {
    return {
      evaluate: (data) => left.evaluate(data) === true && right.evaluate(data) === true,
      explain: (data) => (left.evaluate(data) === true ? right.explain(data) : left.explain(data)),
    };
  }
  return {
    evaluate: (data) => left.evaluate(data) === true || right.evaluate(data) === true,
    explain: (data) => ({ ...right.explain(data), rule: node.source }),
  };
}

function compileOperator(node: ExpressionNode & { type: 'binary' }, budget: PatternBudget): Compiled {
  const left = compile(node.left, budget).evaluate;
  const right = compile(node.right, budget).evaluate;
  const { operator } = node;
  return {
    evaluate: (data) => operate(operator, left(data), right(data)),
    explain: (data) => ({ rule: node.source, value: left(data), threshold: right(data) }),
  };
}

function operate(operator: string, left: unknown, right: unknown): unknown {
  switch (operator) {
    case '==':
      return isSame(left, right);
    case '!=':
      return !isSame(left, right);
    case 'in':
      return Array.isArray(right)
        ? right.some((item) => isSame(left, item))
        : typeof right === 'string' && right.includes(text(left));
    case '+':
      return typeof left === 'string' || typeof right === 'string'
        ? joined(text(left), text(right))
        : asNumber(left) + asNumber(right);
    case '-':
      return asNumber(left) - asNumber(right);
    case '*':
      return asNumber(left) * asNumber(right);
    case '/':
      return asNumber(left) / asNumber(right);
    default:
      return isOrdered(operator, left, right);
  }
}

function joined(left: string, right: string): string {
  assertTextFits(left.length + right.length);
  return left + right;
}

/** Null and missing are the same; lists and objects compare by their JSON. */
function isSame(left: unknown, right: unknown): boolean {
  if (isMissing(left) || isMissing(right)) return isMissing(left) && isMissing(right);
  if (typeof left === 'object' || typeof right === 'object') return JSON.stringify(left) === JSON.stringify(right);
  return left === right;
}

/** Numbers with numbers, strings with strings; anything else is unordered and therefore false. */
function isOrdered(operator: string, left: unknown, right: unknown): boolean {
  const numbers = typeof left === 'number' && typeof right === 'number';
  const strings = typeof left === 'string' && typeof right === 'string';
  if (!numbers && !strings) return false;
  const [x, y] = [left as number, right as number];
  if (operator === '<') return x < y;
  if (operator === '<=') return x <= y;
  return operator === '>' ? x > y : x >= y;
}

function compileCall(node: ExpressionNode & { type: 'call' }, budget: PatternBudget): Compiled {
  if (!Object.hasOwn(FUNCTIONS, node.name)) {
    throw new ExpressionError(`unknown function ${node.name}${didYouMean(node.name, FUNCTION_NAMES)}`, 1);
  }
  const { args, call } = FUNCTIONS[node.name];
  if (node.args.length !== args)
    throw new ExpressionError(`${node.name} takes ${args} argument${args === 1 ? '' : 's'}, not ${node.args.length}`, 1);
  const values = node.args.map((argument) => compile(argument, budget).evaluate);
  const evaluate: Evaluate = (data) => call(...values.map((value) => value(data)));
  if (args === 1) return plain(node, evaluate);
  return { evaluate, explain: (data) => ({ rule: node.source, value: values[0](data), threshold: values[1](data) }) };
}

function compileMatches(node: ExpressionNode & { type: 'call' }, budget: PatternBudget): Compiled {
  const [subject, pattern, flags] = node.args;
  const isLiteral = (argument: ExpressionNode | undefined) => argument?.type === 'literal' && typeof argument.value === 'string';
  if (node.args.length < 2 || node.args.length > 3 || !isLiteral(pattern) || (flags && !isLiteral(flags))) {
    throw new ExpressionError("matches takes a value, a pattern in quotes and optionally 'i'", 1);
  }
  const source = (pattern as { value: string }).value;
  const flag = flags ? (flags as unknown as { value: string }).value : '';
  if (flag !== '' && flag !== 'i') throw new ExpressionError(`matches knows the flag 'i', not '${flag}'`, 1);
  const matcher = compilePattern(source, flag === 'i');
  const value = compile(subject, budget).evaluate;
  return {
    evaluate: (data) => matcher.test(text(value(data)).slice(0, PATTERN_TEXT_MAX), budget),
    explain: (data) => ({ rule: node.source, value: value(data), threshold: source }),
  };
}

function compilePattern(source: string, ignoreCase: boolean): BoundedPattern {
  try {
    return new BoundedPattern(source, ignoreCase);
  } catch (error) {
    if (error instanceof PatternError)
      throw new ExpressionError(`pattern ${JSON.stringify(source.slice(0, 80))}: ${error.message}`, 1);
    throw error;
  }
}
