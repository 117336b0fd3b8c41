// SPDX-License-Identifier: Apache-2.0
import { seededRandom } from '../statistics/seeded-random';
import { detectQuality, estimateBaseRate, qualityDesign } from './quality-detection';

describe('quality detection', () => {
  const design = qualityDesign({ baseRate: 0.22, rise: 0.1, falseAlarmsPerWeek: 0.5, eventsPerWeek: 10_000 });

  it('is designed for its budget: one false alarm in 20,000 ratings', () => {
    expect(design.averageRunLengthBase).toBeGreaterThanOrEqual(20_000);
    expect(qualityDesign({ baseRate: 0.22, rise: 0.1, falseAlarmsPerWeek: 0.5, eventsPerWeek: 10_000 })).toBe(design);
  });

  it('sees the second period of the demo (20 to 41 % bad) with a median delay of about 75 ratings and says when it began', () => {
    const random = seededRandom(71);
    const delays: number[] = [];
    for (let run = 0; run < 100; run += 1) {
      const bad = Array.from({ length: 500 }, (_, index) => random() < (index < 200 ? 0.2 : 0.41));
      const found = detectQuality(bad, design);
      if (found.alarmIndex >= 200) delays.push(found.alarmIndex - 200);
      expect(found.alarmIndex).toBeGreaterThan(0);
    }
    delays.sort((left, right) => left - right);
    expect(delays.length).toBeGreaterThan(95);
    expect(delays[50]).toBeLessThan(90);
    const found = detectQuality(
      Array.from({ length: 400 }, (_, index) => (index < 200 ? index % 5 === 0 : index % 2 === 0)),
      design,
    );
    expect(found.changeIndex).toBeGreaterThan(180);
    expect(found.changeIndex).toBeLessThan(215);
    expect(found.rateSinceChange).toBeCloseTo(0.5, 1);
  });

  it('stays quiet at the base rate', () => {
    const random = seededRandom(72);
    expect(
      detectQuality(
        Array.from({ length: 3000 }, () => random() < 0.2),
        design,
      ).alarmIndex,
    ).toBe(-1);
    expect(detectQuality([], design)).toMatchObject({ alarmIndex: -1, rateSinceChange: 0 });
  });

  it('estimates the base rate on the careful side', () => {
    expect(estimateBaseRate(20, 100)).toBeGreaterThan(0.2);
    expect(estimateBaseRate(20, 100)).toBeLessThan(0.26);
  });
});
