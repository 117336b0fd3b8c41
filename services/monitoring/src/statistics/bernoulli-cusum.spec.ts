// SPDX-License-Identifier: Apache-2.0
import { averageRunLength, CUSUM_START, cusumStep, designCusum, siegmundRunLength, type CusumDesign } from './bernoulli-cusum';
import { seededRandom } from './seeded-random';

function simulate(design: CusumDesign, rate: number, random: () => number, eventsMax = Infinity): number {
  let state = CUSUM_START;
  while (state.score < design.limit && state.events < eventsMax) state = cusumStep(design, state, random() < rate);
  return state.events;
}

describe('Bernoulli CUSUM', () => {
  it('has an exact run length in a case solved by hand', () => {
    // limit 1, up 1: alarm on the first bad event, so the mean is 1 / rate.
    expect(averageRunLength({ stepUp: 1, stepDown: 1, limit: 1 }, 0.1)).toBeCloseTo(10, 10);
    // limit 2, up 1, down 1 at rate p: L0 = (1 + p) / p^2 (two states, solved by hand).
    expect(averageRunLength({ stepUp: 1, stepDown: 1, limit: 2 }, 0.2)).toBeCloseTo(1.2 / 0.04, 8);
  });

  it('reaches its target run length, confirmed by simulation (seeded)', () => {
    const design = designCusum({ baseRate: 0.05, changedRate: 0.1, falseAlarmEvents: 3000 });
    expect(design.averageRunLengthBase).toBeGreaterThanOrEqual(3000);
    expect(design.averageRunLengthBase).toBeLessThan(3600);
    const random = seededRandom(31);
    let total = 0;
    const runs = 600;
    for (let run = 0; run < runs; run += 1) total += simulate(design, 0.05, random);
    // A run length is close to exponential, so the mean of 600 has a standard error of 4 %.
    expect(total / runs / design.averageRunLengthBase).toBeGreaterThan(0.87);
    expect(total / runs / design.averageRunLengthBase).toBeLessThan(1.13);
  });

  it('agrees with the study: 5 to 10 %, one false alarm in 100k events, h near 7, delay near 262', () => {
    const design = designCusum({ baseRate: 0.05, changedRate: 0.1, falseAlarmEvents: 99_128 });
    expect(design.limit * design.unit).toBeGreaterThan(6.5);
    expect(design.limit * design.unit).toBeLessThan(7.3);
    expect(design.averageRunLengthChanged).toBeGreaterThan(230);
    expect(design.averageRunLengthChanged).toBeLessThan(340);
  });

  it('is within a factor of two of the approximation of Siegmund', () => {
    const design = designCusum({ baseRate: 0.3, changedRate: 0.45, falseAlarmEvents: 20_000 });
    const up = Math.log(0.45 / 0.3);
    const down = Math.log(0.55 / 0.7);
    const drift = 0.3 * up + 0.7 * down;
    const variance = 0.3 * up ** 2 + 0.7 * down ** 2 - drift ** 2;
    // Overshoot correction of 1.166 sd (Siegmund 1985).
    const approximate = siegmundRunLength(design.limit * design.unit + 1.166 * Math.sqrt(variance), drift, variance);
    expect(approximate / design.averageRunLengthBase).toBeGreaterThan(0.5);
    expect(approximate / design.averageRunLengthBase).toBeLessThan(2);
  });

  it('detects 40 % to 60 % bad within tens of events and estimates the new rate', () => {
    const design = designCusum({ baseRate: 0.4, changedRate: 0.55, falseAlarmEvents: 20_000 });
    const random = seededRandom(32);
    const delays = Array.from({ length: 200 }, () => simulate(design, 0.6, random)).sort((left, right) => left - right);
    expect(delays[100]).toBeLessThan(140);
    let state = CUSUM_START;
    while (state.score < design.limit) state = cusumStep(design, state, random() < 0.6);
    expect(state.badSinceZero / state.eventsSinceZero).toBeGreaterThan(0.5);
  });

  it('solves any target in well under a second', () => {
    const started = process.hrtime.bigint();
    designCusum({ baseRate: 0.02, changedRate: 0.03, falseAlarmEvents: 1e6 });
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeLessThan(2500);
  });

  it('refuses rates out of order', () => {
    expect(() => designCusum({ baseRate: 0.2, changedRate: 0.1, falseAlarmEvents: 1000 })).toThrow(RangeError);
    expect(() => designCusum({ baseRate: 0, changedRate: 0.1, falseAlarmEvents: 1000 })).toThrow(RangeError);
  });
});
