// SPDX-License-Identifier: Apache-2.0
import { normalTail, normalTailQuantile } from './distributions';

/**
 * O'Brien-Fleming group-sequential test, one-sided: at look k of K the statistic must reach C sqrt(K / k) (O'Brien and Fleming
 * 1979). C is solved so that the chance of ever crossing under the boundary hypothesis is alpha, by the recursive integration
 * of Armitage, McPherson and Rowe (1969); the spec compares it with Jennison and Turnbull (2000), table 2.3.
 */
export interface GroupSequentialPlan {
  looks: number;
  alpha: number;
  /** C of the boundary. */
  constant: number;
  /** boundaries[k - 1] is the value the z statistic must reach at look k. */
  boundaries: number[];
  /** alphaSpent[k - 1] is the chance of a false promotion up to and including look k. */
  alphaSpent: number[];
}

const GRID_STEP = 0.1;
const GRID_LOW = -8;

function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

// The partial sum after k looks is S_k = Z_1 + ... + Z_k with unit-variance increments; crossing is S_k >= boundary_k sqrt(k).
// `density` holds the sub-density of S_k on paths that have not crossed, on a grid below the limit.
function crossingProbabilities(limits: readonly number[]): number[] {
  const crossed: number[] = [];
  let grid: number[] = [0];
  let density: number[] = [1];
  let weight = 1;
  let total = 0;
  limits.forEach((limit, look) => {
    let crossing = 0;
    for (let index = 0; index < grid.length; index += 1) {
      crossing += (density[index] ?? 0) * weight * normalTail(limit - (grid[index] ?? 0));
    }
    total += crossing;
    crossed.push(total);
    const low = GRID_LOW * Math.sqrt(look + 1);
    const cells = Math.max(1, Math.round((limit - low) / GRID_STEP));
    const step = (limit - low) / cells;
    const nextGrid = Array.from({ length: cells }, (_, cell) => low + (cell + 0.5) * step);
    const nextDensity = nextGrid.map((point) => {
      let value = 0;
      for (let index = 0; index < grid.length; index += 1) {
        const gap = point - (grid[index] ?? 0);
        if (gap > -7 && gap < 7) value += (density[index] ?? 0) * weight * normalDensity(gap);
      }
      return value;
    });
    grid = nextGrid;
    density = nextDensity;
    weight = step;
  });
  return crossed;
}

/** Plans are few and their computation takes tens of milliseconds, so they are kept (bounded by PLANS_MAX). */
const plans = new Map<string, GroupSequentialPlan>();
const PLANS_MAX = 64;

/** Boundaries for `looks` equally spaced looks at one-sided `alpha`. Throws RangeError outside 1..20 looks or (0, 0.5). */
export function obrienFleming(looks: number, alpha: number): GroupSequentialPlan {
  if (!Number.isInteger(looks) || looks < 1 || looks > 20)
    throw new RangeError(`looks must be a whole number 1 to 20, got ${looks}`);
  if (!(alpha > 0 && alpha < 0.5)) throw new RangeError(`alpha must lie between 0 and 0.5, got ${alpha}`);
  const key = `${looks}/${alpha}`;
  const kept = plans.get(key);
  if (kept) return kept;
  // C sqrt(K / k) on z is C sqrt(K) on the sum S_k: a flat limit.
  const spent = (constant: number): number[] => crossingProbabilities(new Array<number>(looks).fill(constant * Math.sqrt(looks)));
  // C lies between the plain quantile (one look) and that plus 0.6 (twenty looks).
  let low = normalTailQuantile(alpha) - 0.01;
  let high = low + 0.6;
  while (high - low > 1e-4) {
    const middle = (low + high) / 2;
    if ((spent(middle)[looks - 1] ?? 0) > alpha) low = middle;
    else high = middle;
  }
  const plan: GroupSequentialPlan = {
    looks,
    alpha,
    constant: high,
    boundaries: Array.from({ length: looks }, (_, index) => high * Math.sqrt(looks / (index + 1))),
    alphaSpent: spent(high),
  };
  if (plans.size >= PLANS_MAX) plans.clear();
  plans.set(key, plan);
  return plan;
}
