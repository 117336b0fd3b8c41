// SPDX-License-Identifier: Apache-2.0

export interface PlantedOptions {
  documents: number;
  /** Mean words per document; lengths vary by a quarter either way. */
  words: number;
  /** Share of documents that are edited copies of an earlier original. */
  copyShare: number;
  /** Copies have between 0 and this share of their words replaced, removed or inserted. */
  editShareMax: number;
  seed: number;
}

export interface PlantedDocuments {
  texts: string[];
  /** Copies with the document that they were made from. */
  pairs: { copy: number; source: number }[];
}

/** mulberry32 (Tommy Ettinger, public domain): small, seeded, good enough to plant data. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const VOCABULARY = 20_000;

/** Texts with known near-duplicates, for specs and the benchmark. The same seed gives the same texts. */
export function plantedDocuments(options: PlantedOptions): PlantedDocuments {
  const random = generator(options.seed);
  // Zipf-like: square of a uniform draw favours the low word numbers.
  const word = () => `w${Math.floor(random() ** 2 * VOCABULARY).toString(36)}`;
  const words: string[][] = [];
  const pairs: { copy: number; source: number }[] = [];
  const originals: number[] = [];
  for (let document = 0; document < options.documents; document++) {
    if (originals.length > 0 && random() < options.copyShare) {
      const source = originals[Math.floor(random() * originals.length)];
      words.push(edit(words[source], { share: random() * options.editShareMax, random, word }));
      pairs.push({ copy: document, source });
      continue;
    }
    const length = Math.round(options.words * (0.75 + random() * 0.5));
    words.push(Array.from({ length }, word));
    originals.push(document);
  }
  return { texts: words.map((list) => punctuate(list)), pairs };
}

function edit(source: string[], how: { share: number; random: () => number; word: () => string }): string[] {
  const edited: string[] = [];
  for (const original of source) {
    if (how.random() >= how.share) {
      edited.push(original);
      continue;
    }
    const kind = how.random();
    if (kind < 1 / 3) edited.push(how.word());
    else if (kind < 2 / 3) edited.push(original, how.word());
    // else: the word is left out
  }
  return edited;
}

function punctuate(words: string[]): string {
  return words
    .map((word, i) => (i % 12 === 11 ? `${word}.` : i % 12 === 0 ? word[0].toUpperCase() + word.slice(1) : word))
    .join(' ');
}

/** Jaccard of two ASCII texts over shingles held as strings: the slow truth that the fast search is compared with. */
export function trueJaccard(x: string, y: string, shingleWords: number): number {
  const xs = stringShingles(x, shingleWords);
  const ys = stringShingles(y, shingleWords);
  if (xs.size === 0 || ys.size === 0) return 0;
  let common = 0;
  for (const shingle of xs) if (ys.has(shingle)) common++;
  return common / (xs.size + ys.size - common);
}

/** Word shingles as strings, by the same rule for short texts. */
export function stringShingles(text: string, shingleWords: number): Set<string> {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  if (words.length === 0) return new Set();
  if (words.length < shingleWords) return new Set([`${words.length}:${words.join(' ')}`]);
  const shingles = new Set<string>();
  for (let i = 0; i + shingleWords <= words.length; i++) shingles.add(words.slice(i, i + shingleWords).join(' '));
  return shingles;
}

/**
 * Every pair of ASCII texts with Jaccard >= `jaccardMin`, by counting shared string shingles through an inverted index:
 * complete and exact, and slow. Pairs of word-equal texts included.
 */
export function bruteForcePairs(texts: readonly string[], shingleWords: number, jaccardMin: number): Map<string, number> {
  const postings = new Map<string, number[]>();
  const sizes: number[] = [];
  const pairs = new Map<string, number>();
  texts.forEach((text, document) => {
    const shingles = stringShingles(text, shingleWords);
    sizes.push(shingles.size);
    const common = new Map<number, number>();
    for (const shingle of shingles) {
      const list = postings.get(shingle);
      if (!list) {
        postings.set(shingle, [document]);
        continue;
      }
      for (const other of list) common.set(other, (common.get(other) ?? 0) + 1);
      list.push(document);
    }
    for (const [other, count] of common) {
      const jaccard = count / (sizes[other] + shingles.size - count);
      if (jaccard >= jaccardMin) pairs.set(`${other}-${document}`, jaccard);
    }
  });
  return pairs;
}
