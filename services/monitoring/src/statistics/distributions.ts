// SPDX-License-Identifier: Apache-2.0
// Normal and chi-square probabilities and quantiles, small and dependency-free.
// Sources: regularised incomplete gamma by series and Lentz continued fraction (Abramowitz and Stegun 6.5.29, 6.5.31);
// log-gamma by Lanczos (1964), g = 7, 9 terms; quantiles by bracketed bisection on those functions, so that their accuracy
// is the accuracy of the distribution functions. Checked in the spec against printed tables (A&S 26.8, NIST handbook).

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Gamma(x) for x > 0. Throws RangeError otherwise. */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`logGamma needs x > 0, got ${x}`);
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  let sum = LANCZOS[0] ?? 0;
  for (let index = 1; index < LANCZOS.length; index += 1) sum += (LANCZOS[index] ?? 0) / (shifted + index);
  const base = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(sum);
}

const ITERATIONS_MAX = 1000;

function gammaLowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < ITERATIONS_MAX + 10 * a; n += 1) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum * Math.exp(-x + a * Math.log(x) - logGamma(a));
}

function gammaUpperFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let value = d;
  for (let i = 1; i < ITERATIONS_MAX + 10 * a; i += 1) {
    const an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const delta = d * c;
    value *= delta;
    if (Math.abs(delta - 1) < 1e-16) break;
  }
  return value * Math.exp(-x + a * Math.log(x) - logGamma(a));
}

/** Q(a, x): upper regularised incomplete gamma, kept accurate in the far tail. */
export function gammaUpperTail(a: number, x: number): number {
  if (!(a > 0) || !(x >= 0)) throw new RangeError(`gammaUpperTail needs a > 0 and x >= 0, got a=${a}, x=${x}`);
  if (x === 0) return 1;
  return x < a + 1 ? 1 - gammaLowerSeries(a, x) : gammaUpperFraction(a, x);
}

/** P(chi-square with `degrees` degrees of freedom > x). */
export function chiSquareTail(x: number, degrees: number): number {
  return x <= 0 ? 1 : gammaUpperTail(degrees / 2, x / 2);
}

/** The x that a chi-square variable exceeds with probability `tail` (0 < tail < 1). */
export function chiSquareTailQuantile(tail: number, degrees: number): number {
  assertProbability(tail);
  let high = Math.max(1, degrees);
  while (chiSquareTail(high, degrees) > tail) high *= 2;
  return bisect((x) => chiSquareTail(x, degrees) - tail, 0, high);
}

/** P(Z > z) for a standard normal; accurate for large positive z. */
export function normalTail(z: number): number {
  const half = 0.5 * gammaUpperTail(0.5, (z * z) / 2);
  return z >= 0 ? half : 1 - half;
}

/** The z that a standard normal exceeds with probability `tail` (0 < tail < 1). */
export function normalTailQuantile(tail: number): number {
  assertProbability(tail);
  if (tail > 0.5) return -normalTailQuantile(1 - tail);
  let high = 1;
  while (normalTail(high) > tail) high *= 2;
  return bisect((z) => normalTail(z) - tail, 0, high);
}

/** P(X >= successes) for X ~ Binomial(trials, probability); exact sum in logs. */
export function binomialTail(successes: number, trials: number, probability: number): number {
  if (successes <= 0) return 1;
  if (successes > trials || probability <= 0) return 0;
  if (probability >= 1) return 1;
  let sum = 0;
  const logP = Math.log(probability);
  const logQ = Math.log1p(-probability);
  const logTrials = logGamma(trials + 1);
  for (let k = successes; k <= trials; k += 1) {
    sum += Math.exp(logTrials - logGamma(k + 1) - logGamma(trials - k + 1) + k * logP + (trials - k) * logQ);
  }
  return Math.min(1, sum);
}

/** P(X >= count) for X ~ Poisson(mean): the regularised lower gamma P(count, mean). */
export function poissonTail(count: number, mean: number): number {
  if (count <= 0) return 1;
  return mean <= 0 ? 0 : 1 - gammaUpperTail(count, mean);
}

function bisect(decreasing: (x: number) => number, from: number, to: number): number {
  let low = from;
  let high = to;
  for (let step = 0; step < 200 && high - low > 1e-13 * Math.max(1, high); step += 1) {
    const middle = (low + high) / 2;
    if (decreasing(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function assertProbability(value: number): void {
  if (!(value > 0 && value < 1)) throw new RangeError(`a tail probability lies between 0 and 1 exclusive, got ${value}`);
}
