// SPDX-License-Identifier: Apache-2.0

export type ExpressionNode = { source: string } & (
  | { type: 'literal'; value: string | number | boolean | null }
  | { type: 'list'; items: ExpressionNode[] }
  | { type: 'field'; path: string }
  | { type: 'call'; name: string; args: ExpressionNode[] }
  | { type: 'not' | 'negate'; operand: ExpressionNode }
  | { type: 'binary'; operator: BinaryOperator; left: ExpressionNode; right: ExpressionNode }
);

export type BinaryOperator = 'and' | 'or' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | '+' | '-' | '*' | '/';

/** An expression that the language does not have; `at` is the character, from 1. */
export class ExpressionError extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(`${message} at character ${at}`);
  }
}

interface Token {
  kind: 'number' | 'string' | 'name' | 'symbol' | 'end';
  text: string;
  value?: string | number;
  start: number;
  end: number;
}

const TOKEN =
  /\s+|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_0-9][A-Za-z0-9_-]*)*)|(`[^`]{1,200}`)|(==|!=|<=|>=|[<>+\-*/()[\],])/y;

const CHARACTERS_MAX = 2_000;
const NESTING_MAX = 40;
const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  in: 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
};
const NOT_PRECEDENCE = 3;

function unescape(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (whole, character: string) => {
    if (character === 'n') return '\n';
    if (character === 't') return '\t';
    // Other escapes belong to patterns ("\d"), where the backslash has to stay; quotes and backslashes lose theirs.
    return character === "'" || character === '"' || character === '\\' ? character : whole;
  });
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (!match) throw new ExpressionError(`unexpected ${JSON.stringify(source[start])}`, start + 1);
    const end = TOKEN.lastIndex;
    const [text, number, string, name, quoted, symbol] = match;
    if (number) tokens.push({ kind: 'number', text, value: Number(number), start, end });
    else if (string) tokens.push({ kind: 'string', text, value: unescape(string), start, end });
    else if (name) tokens.push({ kind: 'name', text, start, end });
    else if (quoted) tokens.push({ kind: 'name', text: quoted, value: quoted.slice(1, -1), start, end });
    else if (symbol) tokens.push({ kind: 'symbol', text, start, end });
  }
  tokens.push({ kind: 'end', text: 'end of expression', start: source.length, end: source.length });
  return tokens;
}

/**
 * Pratt parser of filter expressions: comparisons, `in`, `and or not`, arithmetic, function calls, fields by dotted path or in
 * back quotes. Nothing in the language loops, assigns or reaches outside the row.
 */
export class ExpressionParser {
  private readonly tokens: Token[];
  private position = 0;
  private depth = 0;

  constructor(private readonly source: string) {
    if (source.length > CHARACTERS_MAX) throw new ExpressionError(`longer than ${CHARACTERS_MAX} characters`, CHARACTERS_MAX + 1);
    this.tokens = tokenize(source);
  }

  parse(): ExpressionNode {
    const node = this.expression(0);
    if (this.peek.kind !== 'end') throw this.unexpected();
    return node;
  }

  private get peek(): Token {
    return this.tokens[this.position];
  }

  private unexpected(): ExpressionError {
    return new ExpressionError(
      `unexpected ${this.peek.kind === 'end' ? 'end' : JSON.stringify(this.peek.text)}`,
      this.peek.start + 1,
    );
  }

  private expression(precedenceMin: number): ExpressionNode {
    if (++this.depth > NESTING_MAX) throw new ExpressionError(`nested deeper than ${NESTING_MAX}`, this.peek.start + 1);
    const start = this.peek.start;
    let left = this.prefix();
    for (;;) {
      const operator = this.binaryOperator();
      if (!operator || PRECEDENCE[operator.name] <= precedenceMin) break;
      this.position += operator.tokens;
      const right = this.expression(PRECEDENCE[operator.name]);
      const binary: ExpressionNode = { type: 'binary', operator: operator.name, left, right, source: this.text(start) };
      left = operator.negated ? { type: 'not', operand: binary, source: this.text(start) } : binary;
    }
    this.depth--;
    return left;
  }

  private text(start: number): string {
    return this.source.slice(start, this.tokens[this.position - 1].end);
  }

  private binaryOperator(): { name: BinaryOperator; tokens: number; negated: boolean } | undefined {
    const token = this.peek;
    if (token.kind !== 'symbol' && token.kind !== 'name') return undefined;
    if (token.text === 'not' && this.tokens[this.position + 1].text === 'in') return { name: 'in', tokens: 2, negated: true };
    if (!Object.hasOwn(PRECEDENCE, token.text)) return undefined;
    return { name: token.text as BinaryOperator, tokens: 1, negated: false };
  }

  private prefix(): ExpressionNode {
    const token = this.tokens[this.position];
    const { start } = token;
    if (token.kind === 'end') throw this.unexpected();
    this.position++;
    if (token.kind === 'number' || token.kind === 'string') {
      return { type: 'literal', value: token.value as string | number, source: token.text };
    }
    if (token.text === '(') {
      const inner = this.expression(0);
      this.expect(')');
      return inner;
    }
    if (token.text === '[') return { type: 'list', items: this.list(']'), source: this.text(start) };
    if (token.text === '-') return { type: 'negate', operand: this.expression(PRECEDENCE['*']), source: this.text(start) };
    if (token.text === 'not') return { type: 'not', operand: this.expression(NOT_PRECEDENCE), source: this.text(start) };
    if (token.kind === 'name') return this.name(token);
    this.position--;
    throw this.unexpected();
  }

  private name(token: Token): ExpressionNode {
    if (typeof token.value === 'string') return { type: 'field', path: token.value, source: token.text };
    const constants: Record<string, boolean | null> = { true: true, false: false, null: null };
    if (Object.hasOwn(constants, token.text)) return { type: 'literal', value: constants[token.text], source: token.text };
    if (Object.hasOwn(PRECEDENCE, token.text)) {
      this.position--;
      throw this.unexpected();
    }
    if (this.peek.text !== '(' || this.peek.kind !== 'symbol') return { type: 'field', path: token.text, source: token.text };
    this.position++;
    const args = this.list(')');
    return { type: 'call', name: token.text, args, source: this.text(token.start) };
  }

  private list(end: ')' | ']'): ExpressionNode[] {
    const items: ExpressionNode[] = [];
    if (this.peek.text === end) {
      this.position++;
      return items;
    }
    for (;;) {
      items.push(this.expression(0));
      if (this.peek.text === ',' && this.peek.kind === 'symbol') {
        this.position++;
        continue;
      }
      this.expect(end);
      return items;
    }
  }

  private expect(symbol: string): void {
    if (this.peek.kind !== 'symbol' || this.peek.text !== symbol) throw this.unexpected();
    this.position++;
  }
}
