// SPDX-License-Identifier: Apache-2.0

/** Levenshtein distance, for short names. */
function distance(x: string, y: string): number {
  let row = Array.from({ length: y.length + 1 }, (_, i) => i);
  for (let i = 1; i <= x.length; i++) {
    const next = [i];
    for (let j = 1; j <= y.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (x[i - 1] === y[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[y.length];
}

/** `; did you mean threshold?` for the closest known name within a third of its length, else the list of known names. */
export function didYouMean(given: string, known: readonly string[]): string {
  const ranked = known
    .map((name) => ({ name, edits: distance(given.slice(0, 64).toLowerCase(), name.toLowerCase()) }))
    .sort((x, y) => x.edits - y.edits);
  const best = ranked[0];
  if (best && best.edits <= Math.max(2, Math.floor(best.name.length / 3))) return `; did you mean ${best.name}?`;
  return known.length === 0 ? '' : `; known: ${known.join(', ')}`;
}
