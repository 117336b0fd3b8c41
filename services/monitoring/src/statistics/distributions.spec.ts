// SPDX-License-Identifier: Apache-2.0
import {
  binomialTail,
  chiSquareTail,
  chiSquareTailQuantile,
  logGamma,
  normalTail,
  normalTailQuantile,
  poissonTail,
} from './distributions';

describe('distributions', () => {
  it('knows log-gamma at integers and halves', () => {
    expect(logGamma(1)).toBeCloseTo(0, 12);
    expect(logGamma(11)).toBeCloseTo(Math.log(3628800), 10);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
    expect(() => logGamma(0)).toThrow(RangeError);
  });

  it.each([
    [0.025, 1.959963984540054],
    [0.05, 1.6448536269514722],
    [0.001, 3.090232306167813],
    [1e-9, 5.997807015007687],
    [0.975, -1.959963984540054],
  ])('normal quantile of tail %p is %p', (tail, z) => {
    expect(normalTailQuantile(tail)).toBeCloseTo(z, 8);
    expect(normalTail(z) / tail).toBeCloseTo(1, 8);
  });

  it.each([
    [0.05, 1, 3.841459],
    [0.05, 9, 16.918978],
    [0.01, 9, 21.665994],
    [0.001, 9, 27.877165],
    [0.001, 1, 10.827566],
    [0.05, 100, 124.342113],
    [0.995, 10, 2.155856],
  ])('chi-square quantile: tail %p with %p degrees is %p (printed tables)', (tail, degrees, x) => {
    expect(chiSquareTailQuantile(tail, degrees)).toBeCloseTo(x, 5);
    expect(chiSquareTail(x, degrees)).toBeCloseTo(tail, 7);
  });

  it('sums binomial and Poisson tails exactly', () => {
    expect(binomialTail(8, 10, 0.5)).toBeCloseTo(56 / 1024, 12);
    expect(binomialTail(0, 10, 0.5)).toBe(1);
    expect(binomialTail(11, 10, 0.5)).toBe(0);
    expect(poissonTail(3, 1)).toBeCloseTo(1 - 2.5 * Math.exp(-1), 12);
  });

  it('refuses a probability outside (0, 1)', () => {
    expect(() => normalTailQuantile(0)).toThrow(RangeError);
    expect(() => chiSquareTailQuantile(1, 3)).toThrow(RangeError);
  });
});
