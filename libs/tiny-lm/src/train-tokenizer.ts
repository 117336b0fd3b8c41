// SPDX-License-Identifier: Apache-2.0
import { BYTE_CHARACTERS, splitWords } from './byte-alphabet';

interface Word {
  parts: string[];
  count: number;
}

/**
 * Learns merges until they have made `wanted` new tokens (two merges can make the same one): again and again the most frequent neighbouring pair inside words becomes one token. Ties go to the pair that
 * sorts first, so the same texts give the same merges everywhere. Stops early when no pair occurs twice.
 */
export function learnMerges(texts: Iterable<string>, wanted: number): [string, string][] {
  const known = new Set(BYTE_CHARACTERS);
  const goal = known.size + wanted;
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words: Word[] = [...counts].map(([word, count]) => ({
    parts: Array.from(Buffer.from(word, 'utf8'), (byte) => BYTE_CHARACTERS[byte]),
    count,
  }));
  const pairs = new Map<string, { count: number; words: Set<number> }>();
  const note = (index: number, sign: 1 | -1): void => {
    const { parts, count } = words[index];
    for (let i = 0; i + 1 < parts.length; i++) {
      const key = `${parts[i]} ${parts[i + 1]}`;
      let pair = pairs.get(key);
      if (!pair) pairs.set(key, (pair = { count: 0, words: new Set() }));
      pair.count += sign * count;
      pair.words.add(index);
    }
  };
  words.forEach((_, index) => note(index, 1));
  const merges: [string, string][] = [];
  while (known.size < goal) {
    let bestKey = '';
    let bestCount = 1;
    for (const [key, { count }] of pairs) {
      if (count > bestCount || (count === bestCount && bestKey !== '' && key < bestKey)) {
        bestKey = key;
        bestCount = count;
      }
    }
    if (bestKey === '') break;
    const [left, right] = bestKey.split(' ');
    merges.push([left, right]);
    known.add(left + right);
    const touched = pairs.get(bestKey)?.words ?? new Set<number>();
    for (const index of touched) {
      note(index, -1);
      joinPair(words[index].parts, left, right);
      note(index, 1);
    }
    pairs.delete(bestKey);
  }
  return merges;
}

function joinPair(parts: string[], left: string, right: string): void {
  for (let i = 0; i + 1 < parts.length; i++) if (parts[i] === left && parts[i + 1] === right) parts.splice(i, 2, left + right);
}
