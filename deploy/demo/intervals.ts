// SPDX-License-Identifier: Apache-2.0

/** ".612 [.58, .64]" for a score with its interval. */
export function scoreText(value: number, low: number, high: number): string {
  return `${short(value)} [${short(low)}, ${short(high)}]`;
}

/** ".612" */
export function short(value: number): string {
  return value.toFixed(3).replace(/^0\./, '.');
}
