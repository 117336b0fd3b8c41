// SPDX-License-Identifier: Apache-2.0
import { normalTailQuantile } from './distributions';
import { obrienFleming } from './group-sequential';

describe("O'Brien-Fleming plan", () => {
  // Jennison and Turnbull (2000), table 2.3, two-sided alpha = twice ours (crossing on both sides is negligible).
  it.each([
    [2, 0.05, 1.678],
    [3, 0.05, 1.71],
    [4, 0.05, 1.733],
    [5, 0.05, 1.751],
    [2, 0.025, 1.977],
    [5, 0.025, 2.04],
    [10, 0.025, 2.087],
  ])('%p looks at one-sided %p has the constant %p of the table', (looks, alpha, constant) => {
    expect(obrienFleming(looks, alpha).constant).toBeCloseTo(constant, 2);
  });

  it('is the plain test with one look and spends its alpha late', () => {
    expect(obrienFleming(1, 0.05).constant).toBeCloseTo(normalTailQuantile(0.05), 3);
    const plan = obrienFleming(5, 0.05);
    expect(plan.alphaSpent[4]).toBeCloseTo(0.05, 4);
    expect(plan.alphaSpent[0]).toBeLessThan(0.0001);
    expect(plan.boundaries[0]).toBeGreaterThan(3.9);
  });

  it('refuses a plan without looks', () => {
    expect(() => obrienFleming(0, 0.05)).toThrow(RangeError);
    expect(() => obrienFleming(5, 0.7)).toThrow(RangeError);
  });
});
