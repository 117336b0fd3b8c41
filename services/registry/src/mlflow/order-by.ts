// SPDX-License-Identifier: Apache-2.0
import { invalidParameter } from '../registry.errors';
import { type FilterEntity, type FilterGrammar, pythonSet, resolveIdentifier, runGrammar, versionGrammar } from './filter';
import { checkLength, searchLimits } from './limits';

export interface OrderBy {
  entity: FilterEntity;
  key: string;
  descending: boolean;
}

/** Parsed `order_by` of a runs, experiments or versions search; a field may come once. */
export function parseOrderBy(orderBy: readonly string[], grammar: FilterGrammar): OrderBy[] {
  checkSize(orderBy);
  const parsed = orderBy.map((clause) => {
    const { name, descending } = splitDirection(clause);
    return { ...resolveIdentifier(name, grammar, orderAttributes(grammar)), descending };
  });
  const names = parsed.map(({ entity, key }) => `${entity}.${key}`);
  refuseDuplicates(names, orderBy);
  return parsed;
}

// A key, its quotes and the direction.
const ORDER_CHARACTERS_MAX = 500;
const MODEL_ORDER = ['name', 'timestamp', 'last_updated_timestamp'];

/** Parsed `order_by` of a registered-models search, which knows bare names only; `timestamp` is the time of the last update. */
export function parseModelOrderBy(orderBy: readonly string[]): OrderBy[] {
  checkSize(orderBy);
  const parsed = orderBy.map((clause): OrderBy => {
    const { name, descending } = splitDirection(clause);
    if (!MODEL_ORDER.includes(name)) {
      throw invalidParameter(`Invalid order by key '${name}' specified. Valid keys are '${pythonSet(['name', 'timestamp'])}'`);
    }
    return { entity: 'attribute', key: name === 'name' ? 'name' : 'last_updated_timestamp', descending };
  });
  refuseDuplicates(
    parsed.map(({ key }) => key),
    orderBy,
  );
  return parsed;
}

function checkSize(orderBy: readonly string[]): void {
  if (orderBy.length > searchLimits.orderByKeys)
    throw invalidParameter(`\`order_by\` can contain at most ${searchLimits.orderByKeys} fields. Got ${orderBy.length}.`);
  for (const clause of orderBy) checkLength('order_by', clause, ORDER_CHARACTERS_MAX);
}

function splitDirection(clause: string): { name: string; descending: boolean } {
  const match = /^\s*((?:[^\s`"]|`[^`]*`|"[^"]*")+)(?:\s+(\S+))?\s*$/.exec(clause);
  if (!match) throw invalidParameter(`Invalid order_by clause '${clause}'. Could not be parsed.`);
  const direction = match[2]?.toLowerCase() ?? 'asc';
  if (direction !== 'asc' && direction !== 'desc') {
    throw invalidParameter(`Invalid ordering key in order_by clause '${clause}'.`);
  }
  return { name: match[1], descending: direction === 'desc' };
}

function orderAttributes(grammar: FilterGrammar): string[] {
  if (grammar === runGrammar) return Object.keys(grammar.attributes);
  if (grammar === versionGrammar) return ['name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'];
  return Object.keys(grammar.attributes);
}

function refuseDuplicates(names: string[], orderBy: readonly string[]): void {
  if (new Set(names).size === names.length) return;
  const list = orderBy.map((clause) => `'${clause}'`).join(', ');
  throw invalidParameter(`\`order_by\` contains duplicate fields: [${list}]`);
}
