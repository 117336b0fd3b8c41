// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '#libs/clock';
import { exceeds, saysNothing, slopeOf, type Sample } from './slope';

function noisy(perHour: number, noise: number, seed = 1): Sample[] {
  const random = seededRandom(seed);
  return Array.from({ length: 60 }, (_, index) => ({
    at: index / 120,
    value: 100 + (perHour * index) / 120 + noise * (random() - 0.5),
  }));
}

describe('the slope of a soak', () => {
  it('is exact without noise', () => {
    const { perHour, margin, last } = slopeOf(noisy(30, 0));
    expect(perHour).toBeCloseTo(30, 8);
    expect(margin).toBeCloseTo(0, 6);
    expect(last).toBeCloseTo(100 + (30 * 59) / 120, 8);
  });

  it('covers the truth in about 95 of 100 noisy runs', () => {
    const covered = Array.from({ length: 200 }, (_, seed) => slopeOf(noisy(10, 20, seed + 1))).filter(
      ({ perHour, margin }) => Math.abs(perHour - 10) <= margin,
    );
    expect(covered.length).toBeGreaterThan(180);
  });

  it('finds a planted leak in the noise, and none where there is none', () => {
    expect(exceeds(slopeOf(noisy(200, 10)), 100)).toBe(true);
    expect(exceeds(slopeOf(noisy(0, 10)), 30)).toBe(false);
  });

  it('says so when growth beyond the bound may hide in the noise, and not when it cannot', () => {
    expect(saysNothing(slopeOf(noisy(0, 200)), 10)).toBe(true);
    expect(saysNothing(slopeOf(noisy(0, 10)), 30)).toBe(false);
    expect(saysNothing({ perHour: -40, margin: 50, last: 70 }, 20)).toBe(false);
  });

  it('says nothing of too few samples', () => {
    const few = slopeOf(noisy(1_000, 0).slice(0, 3));
    expect(exceeds(few, 10)).toBe(false);
    expect(saysNothing(few, 10)).toBe(true);
  });
});
