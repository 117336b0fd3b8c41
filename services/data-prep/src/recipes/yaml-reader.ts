// SPDX-License-Identifier: Apache-2.0
import {
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  Parser,
  Scalar,
  type CST,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { didYouMean } from './did-you-mean';

export interface Problem {
  /** Path in the recipe, such as `steps[2].near_dedup.treshold`. */
  path: string;
  line: number;
  message: string;
}

const CHARACTERS_MAX = 64 * 1024;
/** Far more than a recipe has. */
const DEPTH_MAX = 32;

export type FieldValue = Node | undefined;

/** Reads YAML with the path and line of every problem; goes on after a problem so that all are reported at once. */
export class YamlReader {
  readonly problems: Problem[] = [];
  readonly root: Node | undefined;
  private readonly lines = new LineCounter();

  constructor(text: string) {
    if (text.length > CHARACTERS_MAX) {
      this.problems.push({ path: '', line: 1, message: `the recipe is longer than ${CHARACTERS_MAX} characters` });
      return;
    }
    if (nestsTooDeep(text)) {
      this.problems.push({ path: '', line: 1, message: `the recipe nests deeper than ${DEPTH_MAX} levels` });
      return;
    }
    const document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, version: '1.2', merge: false });
    for (const error of document.errors) {
      this.problems.push({ path: '', line: this.lines.linePos(error.pos[0]).line, message: error.message.split('\n')[0] });
    }
    this.root = (document.contents as Node | null) ?? undefined;
  }

  lineOf(node: FieldValue): number {
    return node?.range ? this.lines.linePos(node.range[0]).line : 1;
  }

  problem(path: string, node: FieldValue, message: string): void {
    this.problems.push({ path, line: this.lineOf(node), message });
  }

  /** Fields of a mapping; unknown and missing required ones become problems. Undefined if the node is no mapping. */
  fields<K extends string>(
    node: FieldValue,
    path: string,
    names: { known: readonly K[]; required?: readonly K[] },
  ): Partial<Record<K, Node>> | undefined {
    if (!isMap(node)) {
      this.problem(path, node, `must be a mapping${names.known.length ? ` with ${names.known.join(', ')}` : ''}`);
      return undefined;
    }
    const fields: Partial<Record<K, Node>> = {};
    for (const { key, keyNode, value } of this.entries(node)) {
      if ((names.known as readonly string[]).includes(key)) fields[key as K] = value;
      else this.problem(path ? `${path}.${key}` : key, keyNode, `unknown field${didYouMean(key, names.known)}`);
    }
    for (const name of names.required ?? []) {
      if (!fields[name]) this.problem(path ? `${path}.${name}` : name, node, 'is required');
    }
    return fields;
  }

  entries(node: YAMLMap): { key: string; keyNode: Node; value: Node }[] {
    return (node.items as Pair<Node, Node>[]).map((pair) => ({
      key: isScalar(pair.key) ? String(pair.key.value) : '?',
      keyNode: pair.key,
      value: pair.value ?? new Scalar(null),
    }));
  }

  items(node: FieldValue, path: string, itemsMax: number): { node: Node; path: string }[] {
    if (!isSeq(node)) {
      if (node) this.problem(path, node, 'must be a list');
      return [];
    }
    if (node.items.length > itemsMax) this.problem(path, node, `has more than ${itemsMax} items`);
    return (node.items as Node[]).slice(0, itemsMax).map((item, i) => ({ node: item, path: `${path}[${i}]` }));
  }

  string(node: FieldValue, path: string, fallback: string): string {
    if (!node) return fallback;
    if (isScalar(node) && typeof node.value === 'string' && node.value.length > 0) return node.value;
    if (isScalar(node) && typeof node.value === 'number') return String(node.value);
    this.problem(path, node, 'must be a text that is not empty');
    return fallback;
  }

  strings(node: FieldValue, path: string): string[] {
    return this.items(node, path, 200).map((item) => this.string(item.node, item.path, ''));
  }

  boolean(node: FieldValue, path: string, fallback: boolean): boolean {
    if (!node) return fallback;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.problem(path, node, 'must be true or false');
    return fallback;
  }

  number(node: FieldValue, path: string, bounds: { fallback: number; min: number; max: number; integer?: boolean }): number {
    if (!node) return bounds.fallback;
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'number' && value >= bounds.min && value <= bounds.max && (!bounds.integer || Number.isInteger(value)))
      return value;
    this.problem(path, node, `must be a ${bounds.integer ? 'whole ' : ''}number between ${bounds.min} and ${bounds.max}`);
    return bounds.fallback;
  }

  choice<T extends string>(node: FieldValue, path: string, choices: readonly [T, ...T[]]): T {
    if (!node) return choices[0];
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value === 'string' && (choices as readonly string[]).includes(value)) return value as T;
    this.problem(
      path,
      node,
      `must be one of ${choices.join(', ')}${typeof value === 'string' ? didYouMean(value, choices).replace(/; known.*/, '') : ''}`,
    );
    return choices[0];
  }
}

/**
 * Whether anything lies deeper than DEPTH_MAX. Asked of the tokens, which are made without recursion, before the document is composed
 * with it: where the stack ends within a regular expression that is just being compiled, V8 ends the process.
 */
function nestsTooDeep(text: string): boolean {
  const open: { token: CST.Token | null | undefined; depth: number }[] = [...new Parser().parse(text)].map((token) => ({
    token,
    depth: 0,
  }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next;
    if (!token) continue;
    if (depth > DEPTH_MAX) return true;
    if (token.type === 'document') open.push({ token: token.value, depth });
    if ('items' in token) {
      for (const { key, value } of token.items) open.push({ token: key, depth: depth + 1 }, { token: value, depth: depth + 1 });
    }
  }
  return false;
}
