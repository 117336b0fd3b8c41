// SPDX-License-Identifier: Apache-2.0

/**
 * Normal-mixture confidence sequence (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, eq. 14; asymptotic for plugged-in
 * variances: Waudby-Smith et al. 2024): with probability 1 - alpha the true value is inside at EVERY time it is looked at.
 * For a score of information I, |score| <= sqrt((I + r) ln((I + r) / (r a^2))) with a = alpha (two-sided), a = 2 alpha (one-sided).
 * Returns the half width in units of the estimate, given its current variance (1 / I).
 */
export function confidenceSequenceHalfWidth(
  variance: number,
  tuning: { alphaOneSided: number; tunedInformation: number },
): number {
  if (!(variance > 0)) throw new RangeError(`variance must be > 0, got ${variance}`);
  const information = 1 / variance;
  const a = 2 * tuning.alphaOneSided;
  const r = mixturePrecision(tuning);
  return Math.sqrt((information + r) * Math.log((information + r) / (r * a * a))) / information;
}

/** The mixture parameter that makes the sequence narrowest near `tunedInformation` (Howard et al. 2021, section 3.5). */
export function mixturePrecision(tuning: { alphaOneSided: number; tunedInformation: number }): number {
  const logs = -2 * Math.log(2 * tuning.alphaOneSided);
  return tuning.tunedInformation / (logs + Math.log(logs) + 1);
}
