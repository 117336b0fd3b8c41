// SPDX-License-Identifier: Apache-2.0
import { didYouMean } from './did-you-mean';
import { asText, getField } from './recipe-rows';
import { assertTextFits } from './row-limits';

type Data = Record<string, unknown>;
type Filter = (value: unknown) => unknown;

/** A template that the language does not have. */
export class TemplateError extends Error {}

/** A value that a template needs and a row lacks. */
export class MissingValue {
  constructor(readonly path: string) {}
}

const FILTERS: Readonly<Record<string, { args: ('string' | 'number')[]; make: (...args: never[]) => Filter }>> = {
  lower: { args: [], make: () => (value) => asText(value).toLowerCase() },
  upper: { args: [], make: () => (value) => asText(value).toUpperCase() },
  trim: { args: [], make: () => (value) => asText(value).trim() },
  collapse: { args: [], make: () => (value) => asText(value).replace(/\s+/g, ' ').trim() },
  nfc: { args: [], make: () => (value) => asText(value).normalize('NFC') },
  json: { args: [], make: () => (value) => JSON.stringify(value) },
  string: { args: [], make: () => asText },
  number: {
    args: [],
    make: () => (value) => {
      const number = typeof value === 'string' && value.trim() === '' ? NaN : Number(value);
      return Number.isNaN(number) ? undefined : number;
    },
  },
  truncate: { args: ['number'], make: (length: number) => (value) => [...asText(value)].slice(0, length).join('') },
  default: { args: ['string'], make: (fallback: string) => (value) => value ?? fallback },
  replace: { args: ['string', 'string'], make: (from: string, to: string) => (value) => replaced(asText(value), from, to) },
};

function replaced(text: string, from: string, to: string): string {
  const parts = text.split(from);
  assertTextFits(text.length + (parts.length - 1) * (to.length - from.length));
  return parts.join(to);
}

type Part = { text: string } | { path: string; filters: { name: string; apply: Filter }[] };

const PLACEHOLDER = /\{\{([^{}]{0,500})\}\}/g;
const FILTER = /^\s*([a-z_]+)\s*(?:\((.*)\))?\s*$/s;
const ARGUMENT = /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+(?:\.\d+)?))\s*(,|$)/y;
const PATH = /^[A-Za-z_][\w-]*(?:\.[\w-]+)*$/;
const CHARACTERS_MAX = 10_000;

/**
 * String templates of the map step: `{{ path | filter | filter('x') }}` between literal text. A template that is one placeholder
 * keeps the value's type. A missing or null value is `MissingValue` unless a `default` follows.
 */
export class Template {
  private readonly parts: Part[] = [];

  constructor(readonly source: string) {
    if (source.length > CHARACTERS_MAX) throw new TemplateError(`longer than ${CHARACTERS_MAX} characters`);
    let from = 0;
    for (const match of source.matchAll(PLACEHOLDER)) {
      if (match.index > from) this.parts.push({ text: source.slice(from, match.index) });
      this.parts.push(parsePlaceholder(match[1]));
      from = match.index + match[0].length;
    }
    const rest = source.slice(from);
    if (rest.includes('{{')) throw new TemplateError(`"{{" without "}}": ${JSON.stringify(rest.slice(0, 40))}`);
    if (rest) this.parts.push({ text: rest });
  }

  render(data: Data): unknown {
    if (this.parts.length === 1) return this.value(this.parts[0], data);
    let rendered = '';
    for (const part of this.parts) {
      const value = this.value(part, data);
      if (value instanceof MissingValue) return value;
      const text = asText(value);
      assertTextFits(rendered.length + text.length);
      rendered += text;
    }
    return rendered;
  }

  private value(part: Part, data: Data): unknown {
    if ('text' in part) return part.text;
    let value = getField(data, part.path);
    for (const filter of part.filters) {
      if ((value === undefined || value === null) && filter.name !== 'default') continue;
      value = filter.apply(value);
    }
    return value === undefined || value === null ? new MissingValue(part.path) : value;
  }
}

function parsePlaceholder(inner: string): Part {
  const [head, ...pipes] = splitPipes(inner);
  const path = head.trim();
  if (!PATH.test(path)) throw new TemplateError(`"{{${inner}}}" does not name a field`);
  return { path, filters: pipes.map((pipe) => parseFilter(pipe)) };
}

/** Splits at "|" outside quotes. */
function splitPipes(inner: string): string[] {
  const parts = [''];
  let quote = '';
  for (const character of inner) {
    if (quote) quote = character === quote ? '' : quote;
    else if (character === "'" || character === '"') quote = character;
    else if (character === '|') {
      parts.push('');
      continue;
    }
    parts[parts.length - 1] += character;
  }
  return parts;
}

function parseFilter(pipe: string): { name: string; apply: Filter } {
  const match = FILTER.exec(pipe);
  if (!match) throw new TemplateError(`"${pipe.trim()}" is not a filter`);
  const [, name, argumentText] = match;
  if (!Object.hasOwn(FILTERS, name)) throw new TemplateError(`unknown filter ${name}${didYouMean(name, Object.keys(FILTERS))}`);
  const args = argumentText === undefined ? [] : parseArguments(argumentText, name);
  const expected = FILTERS[name].args;
  if (args.length !== expected.length || args.some((argument, i) => typeof argument !== expected[i])) {
    throw new TemplateError(`filter ${name} takes (${expected.join(', ')})`);
  }
  return { name, apply: FILTERS[name].make(...(args as never[])) };
}

function parseArguments(text: string, name: string): (string | number)[] {
  const args: (string | number)[] = [];
  ARGUMENT.lastIndex = 0;
  while (ARGUMENT.lastIndex < text.length) {
    const match = ARGUMENT.exec(text);
    if (!match) throw new TemplateError(`arguments of ${name}: ${JSON.stringify(text)}`);
    const string = match[1] ?? match[2];
    args.push(string === undefined ? Number(match[3]) : string.replace(/\\n/g, '\n').replace(/\\(.)/g, '$1'));
    if (match[4] === '') break;
  }
  return args;
}
