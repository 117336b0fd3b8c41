// SPDX-License-Identifier: Apache-2.0

/** Paired comparison of two models on the same rows. */
export interface PairedComparison {
  rows: number;
  candidateOnlyRight: number;
  controlOnlyRight: number;
  /** Accuracy of the candidate minus accuracy of the control. */
  difference: number;
  /** Exact two-sided p value. */
  pValue: number;
}

/**
 * McNemar's test (1947), exact form: among the rows that only one of the two answered right, either is equally likely under no
 * difference, so the smaller count is Binomial(n, 1/2).
 */
export function compareByMcNemar(candidate: readonly boolean[], control: readonly boolean[]): PairedComparison {
  if (candidate.length !== control.length) throw new RangeError(`paired rows differ: ${candidate.length} and ${control.length}`);
  let candidateOnlyRight = 0;
  let controlOnlyRight = 0;
  for (let row = 0; row < candidate.length; row += 1) {
    if (candidate[row] && !control[row]) candidateOnlyRight += 1;
    if (!candidate[row] && control[row]) controlOnlyRight += 1;
  }
  return {
    rows: candidate.length,
    candidateOnlyRight,
    controlOnlyRight,
    difference: candidate.length ? (candidateOnlyRight - controlOnlyRight) / candidate.length : 0,
    pValue: binomialTwoSided(Math.min(candidateOnlyRight, controlOnlyRight), candidateOnlyRight + controlOnlyRight),
  };
}

// 2 P(X <= k), X ~ Binomial(n, 1/2), at most 1; summed in logarithms so that large n does not underflow.
function binomialTwoSided(k: number, n: number): number {
  if (n === 0) return 1;
  let logTerm = -n * Math.LN2;
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i += 1) {
    logTerm += Math.log(n - i + 1) - Math.log(i);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, 2 * sum);
}

/** One bit per row, first row in the lowest bit, as base64. */
export function packBits(right: readonly boolean[]): string {
  const bytes = Buffer.alloc(Math.ceil(right.length / 8));
  right.forEach((value, row) => {
    if (value) bytes[row >> 3] = bytes[row >> 3] | (1 << (row & 7));
  });
  return bytes.toString('base64');
}

/** The reverse of packBits. */
export function unpackBits(packed: string, rows: number): boolean[] {
  const bytes = Buffer.from(packed, 'base64');
  if (bytes.length !== Math.ceil(rows / 8)) throw new RangeError(`${bytes.length} bytes do not hold ${rows} rows`);
  return Array.from({ length: rows }, (_, row) => ((bytes[row >> 3] >> (row & 7)) & 1) === 1);
}
