// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../registry.errors';
import { searchLimits } from './limits';

export type FilterEntity = 'metric' | 'parameter' | 'tag' | 'attribute' | 'dataset';

/** One clause of an AND-ed filter. */
export interface FilterClause {
  entity: FilterEntity;
  key: string;
  /** Upper case: `=`, `!=`, `<`..., `LIKE`, `ILIKE`, `IN`, `NOT IN`, `IS NULL`, `IS NOT NULL`. */
  comparator: string;
  /** A string, a number, a list for IN, null for IS NULL. */
  value: string | number | string[] | null;
}

/** One of MLflow's filter languages. They share their syntax and differ in the columns they know. */
export interface FilterGrammar {
  /** What may stand before the dot, and what it means. */
  entities: Readonly<Record<string, FilterEntity>>;
  /** How the stock server lists the entities when it refuses one. */
  entitiesText: string;
  attributes: Readonly<Record<string, 'string' | 'number'>>;
  /** Attributes that IN and NOT IN work on. */
  listAttributes: readonly string[];
  /** Attribute names that mean another one. */
  synonyms?: Readonly<Record<string, string>>;
  /** True where `tags.x IS NULL` exists. */
  nullTests?: boolean;
  /** How a clause that is none is quoted in the message. */
  quoteInvalid?: boolean;
}

const attributeOrTag = { attribute: 'attribute', tag: 'tag', tags: 'tag' } as const;
const attributeOrTagText = "Valid entity types are ('attribute', 'tag', 'tags')";

export const runGrammar: FilterGrammar = {
  entities: {
    metric: 'metric',
    metrics: 'metric',
    parameter: 'parameter',
    parameters: 'parameter',
    param: 'parameter',
    params: 'parameter',
    tag: 'tag',
    tags: 'tag',
    attribute: 'attribute',
    attributes: 'attribute',
    attr: 'attribute',
    run: 'attribute',
    dataset: 'dataset',
    datasets: 'dataset',
  },
  entitiesText: "Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
  attributes: {
    run_id: 'string',
    run_name: 'string',
    user_id: 'string',
    status: 'string',
    artifact_uri: 'string',
    start_time: 'number',
    end_time: 'number',
  },
  listAttributes: ['run_id'],
  synonyms: {
    created: 'start_time',
    Created: 'start_time',
    'run name': 'run_name',
    'Run name': 'run_name',
    'Run Name': 'run_name',
  },
  nullTests: true,
  quoteInvalid: true,
};

export const experimentGrammar: FilterGrammar = {
  entities: attributeOrTag,
  entitiesText: attributeOrTagText,
  attributes: { name: 'string', experiment_id: 'string', creation_time: 'number', last_update_time: 'number' },
  listAttributes: ['experiment_id'],
  nullTests: true,
};

export const modelGrammar: FilterGrammar = {
  entities: attributeOrTag,
  entitiesText: attributeOrTagText,
  attributes: { name: 'string' },
  listAttributes: ['name'],
};

export const versionGrammar: FilterGrammar = {
  entities: attributeOrTag,
  entitiesText: attributeOrTagText,
  attributes: { name: 'string', version_number: 'number', run_id: 'string', source_path: 'string' },
  listAttributes: ['name', 'run_id'],
};

const IDENTIFIER = /^(?:[A-Za-z_]\w*|`[^`]*`|"[^"]*")(?:\.(?:`[^`]*`|"[^"]*"|'[^']*'|[\w.]+))?/;
const COMPARATOR = /^(?:>=|<=|!=|<>|=|>|<|NOT\s+IN\b|IN\b|ILIKE\b|LIKE\b|IS\s+NOT\s+NULL\b|IS\s+NULL\b)/i;
const STRING = /^(?:'(?:[^']|'')*'|"[^"]*")/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;
const LIST = /^\([^)]*\)/;

const NUMERIC = ['=', '!=', '>', '>=', '<', '<='];
const TEXTUAL = ['=', '!=', 'LIKE', 'ILIKE'];

/** Clauses of a filter string; an empty one has none. Everything that is not an AND-ed list of comparisons is refused. */
export function parseFilter(filter: string, grammar: FilterGrammar): FilterClause[] {
  const clauses: FilterClause[] = [];
  let rest = filter.trim();
  if (rest === '') return clauses;
  // Before any pattern sees it: on a text of megabytes they run out of stack.
  if (rest.length > searchLimits.filterCharacters)
    throw invalidParameter(
      `A search filter can contain at most ${searchLimits.filterCharacters} characters. Got ${rest.length}.`,
    );
  if (/;\s*\S/.test(stripStrings(rest))) {
    throw invalidParameter(`Search filter contained multiple expression '${filter}'. Provide AND-ed expression list.`);
  }
  for (;;) {
    const [clause, after] = readClause(rest, grammar);
    clauses.push(clause);
    if (clauses.length > searchLimits.clauses)
      throw invalidParameter(`A search filter can contain at most ${searchLimits.clauses} clauses.`);
    rest = after.trimStart();
    if (rest === '') return clauses;
    const and = /^AND\b\s*/i.exec(rest);
    if (!and) throw invalidClause(rest, grammar);
    rest = rest.slice(and[0].length);
  }
}

function readClause(text: string, grammar: FilterGrammar): [FilterClause, string] {
  const identifier = IDENTIFIER.exec(text)?.[0];
  if (identifier === undefined) throw invalidClause(text, grammar);
  let rest = text.slice(identifier.length).trimStart();
  const comparatorText = COMPARATOR.exec(rest)?.[0];
  if (comparatorText === undefined) throw invalidClause(text, grammar);
  rest = rest.slice(comparatorText.length).trimStart();
  const comparator = comparatorText.toUpperCase().replace(/\s+/g, ' ').replace('<>', '!=');
  const { entity, key } = resolveIdentifier(identifier, grammar);
  const target = { entity, key, comparator };
  if (comparator.startsWith('IS ')) {
    if (!grammar.nullTests || (entity !== 'tag' && entity !== 'parameter')) {
      throw invalidParameter(`IS NULL / IS NOT NULL is only supported for tags and params, not for '${entity}' '${key}'`);
    }
    return [{ ...target, value: null }, rest];
  }
  checkComparator(target, grammar);
  const literal = (comparator.endsWith('IN') ? LIST : STRING).exec(rest)?.[0] ?? NUMBER.exec(rest)?.[0] ?? /^\S+/.exec(rest)?.[0];
  if (literal === undefined) throw invalidParameter(`Invalid comparison clause. Expected 3 tokens found 2`);
  return [{ ...target, value: readValue(target, literal, grammar) }, rest.slice(literal.length)];
}

/** `metrics.x` -> entity and key; a bare name is an attribute. Also used for ORDER BY, which may know more attributes. */
export function resolveIdentifier(
  identifier: string,
  grammar: FilterGrammar,
  attributes: readonly string[] = Object.keys(grammar.attributes),
): { entity: FilterEntity; key: string } {
  const [, prefix, tail] = /^([^.`"]+|`[^`]*`|"[^"]*")(?:\.(.*))?$/s.exec(identifier) ?? [identifier, identifier];
  const entityName = tail === undefined ? 'attribute' : unquote(prefix);
  const entity = Object.hasOwn(grammar.entities, entityName) ? grammar.entities[entityName] : undefined;
  if (entity === undefined) throw invalidParameter(`Invalid entity type '${entityName}'. ${grammar.entitiesText}`);
  const written = unquote(tail ?? prefix);
  const key = entity === 'attribute' ? (grammar.synonyms?.[written] ?? written) : written;
  if (entity === 'attribute' && !attributes.includes(key)) {
    throw invalidParameter(`Invalid attribute key '${key}' specified. Valid keys are '${pythonSet(attributes)}'`);
  }
  if (entity === 'dataset' && !['name', 'digest', 'context'].includes(key)) {
    throw invalidParameter(
      `Invalid dataset key '${key}' specified. Valid keys are '${pythonSet(['name', 'digest', 'context'])}'`,
    );
  }
  return { entity, key };
}

function checkComparator(clause: Omit<FilterClause, 'value'>, grammar: FilterGrammar): void {
  const allowed = comparatorsOf(clause, grammar);
  const { entity, comparator } = clause;
  if (!allowed.includes(comparator)) {
    if (entity === 'attribute' && comparator.endsWith('IN')) {
      const list = grammar.listAttributes.map((name) => `'${name}'`).join(', ');
      throw invalidParameter(`Only [${list}] attributes support comparison with a list of quoted string values.`);
    }
    if (grammar === modelGrammar || grammar === versionGrammar) {
      throw invalidParameter(`Invalid comparator for ${entity}: ${comparator}`);
    }
    throw invalidParameter(`Invalid comparator '${comparator}' not one of '${pythonSet(allowed)}'`);
  }
}

function comparatorsOf({ entity, key }: Omit<FilterClause, 'value'>, grammar: FilterGrammar): string[] {
  if (entity === 'metric') return NUMERIC;
  if (entity === 'dataset') return [...TEXTUAL, 'IN', 'NOT IN'];
  if (entity !== 'attribute') return TEXTUAL;
  if (grammar.attributes[key] === 'number') return NUMERIC;
  const identifiesOnly = grammar === experimentGrammar && key === 'experiment_id';
  return [...(identifiesOnly ? ['=', '!='] : TEXTUAL), ...(grammar.listAttributes.includes(key) ? ['IN', 'NOT IN'] : [])];
}

function readValue(clause: Omit<FilterClause, 'value'>, literal: string, grammar: FilterGrammar): string | number | string[] {
  const { entity, key } = clause;
  if (entity === 'metric' || (entity === 'attribute' && grammar.attributes[key] === 'number')) {
    if (NUMBER.exec(literal)?.[0] !== literal) {
      const what = entity === 'metric' ? 'metric' : `numeric attribute: ${key}`;
      throw invalidParameter(`Expected numeric value type for ${what}. Found ${literal}`);
    }
    const number = Number(literal);
    if (entity === 'attribute' && !Number.isInteger(number) && grammar !== runGrammar) {
      throw invalidParameter(`Invalid value for numeric attribute '${key}': ${number}`);
    }
    return number;
  }
  if (literal.startsWith('(')) return readList(literal);
  if (!STRING.test(literal)) {
    const what = entity === 'attribute' ? 'attributes.' : `${entity} (e.g. 'my-value').`;
    throw invalidParameter(`Expected a quoted string value for ${what} Got value ${literal}`);
  }
  return literal.slice(1, -1);
}

function readList(literal: string): string[] {
  const inner = literal.slice(1, -1).trim().replace(/,$/, '');
  if (inner === '') {
    throw invalidParameter('While parsing a list in the query, expected a non-empty list of string values, but got empty list');
  }
  const items = inner.match(/'[^']*'|"[^"]*"/g) ?? [];
  if (items.join(',').replace(/\s/g, '') !== inner.replace(/\s/g, '')) {
    throw invalidParameter(
      'While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.',
    );
  }
  return items.map((item) => item.slice(1, -1));
}

function invalidClause(rest: string, grammar: FilterGrammar): Error {
  const token = /^(?:`[^`]*`|"[^"]*"|'[^']*'|[^\s`"'])+/.exec(rest.trim())?.[0] ?? rest;
  return invalidParameter(`Invalid clause(s) in filter string: ${grammar.quoteInvalid ? `'${token}'` : token}`);
}

function stripStrings(text: string): string {
  return text.replace(/'(?:[^']|'')*'|"[^"]*"|`[^`]*`/g, '');
}

function unquote(text: string): string {
  return /^(`.*`|".*"|'.*')$/s.test(text) ? text.slice(1, -1) : text;
}

/** Sets print like Python's, since people match on the text. */
export function pythonSet(items: readonly string[]): string {
  return `{${items.map((item) => `'${item}'`).join(', ')}}`;
}
