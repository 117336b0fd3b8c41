// SPDX-License-Identifier: Apache-2.0

/**
 * CUSUM for a rate of bad events (Page 1954; the Bernoulli form of Reynolds and Stoumbos 1999): score S = max(0, S + step),
 * alarm at S >= limit. Steps are the log-likelihood ratio of `changedRate` against `baseRate`, rounded to a lattice of small
 * integers, so that the run length is exact and the running state is one integer.
 */
export interface CusumDesign {
  baseRate: number;
  changedRate: number;
  /** Added on a bad event. */
  stepUp: number;
  /** Subtracted on a good event. */
  stepDown: number;
  /** Alarm limit in lattice units. */
  limit: number;
  /** Log-likelihood per lattice unit: limit * unit is the h of the textbooks. */
  unit: number;
  /** Exact mean number of events to a false alarm at `baseRate`, and to detection at `changedRate`. */
  averageRunLengthBase: number;
  averageRunLengthChanged: number;
}

/** Running state: score, events since the score last was zero and bad ones among them (the estimate of the new rate). */
export interface CusumState {
  score: number;
  events: number;
  eventsSinceZero: number;
  badSinceZero: number;
}

export const CUSUM_START: CusumState = { score: 0, events: 0, eventsSinceZero: 0, badSinceZero: 0 };

const LATTICE_MAX = 48;

// The best approximation of the two log-likelihood steps by integers whose sum is at most LATTICE_MAX.
function lattice(up: number, down: number): { stepUp: number; stepDown: number; unit: number } {
  let best = { stepUp: 1, stepDown: 1, unit: (up + down) / 2 };
  let bestError = Infinity;
  for (let total = 2; total <= LATTICE_MAX; total += 1) {
    const stepDown = Math.max(1, Math.min(total - 1, Math.round((total * down) / (up + down))));
    const error = Math.abs(Math.log((total - stepDown) / stepDown / (up / down))) + total * 1e-5;
    if (error < bestError) {
      bestError = error;
      best = { stepUp: total - stepDown, stepDown, unit: (up + down) / total };
    }
  }
  return best;
}

/**
 * Exact average run length from score 0: the linear system (I - Q) L = 1 of the absorbing Markov chain (Brook and Evans 1972),
 * banded, solved from the top state down without pivoting (the matrix is a diagonally dominant M-matrix).
 */
export function averageRunLength(steps: { stepUp: number; stepDown: number; limit: number }, badRate: number): number {
  const { stepUp, stepDown, limit } = steps;
  // Row i: L(i) = 1 + good * L(max(0, i - down)) + bad * L(i + up), where L(>= limit) = 0. States are eliminated from the
  // top: after that row i depends only on the `width` states below it (weights[k] belongs to state i - 1 - k).
  const width = stepUp + stepDown;
  const rows: { constant: number; weights: Float64Array }[] = [];
  for (let state = limit - 1; state >= 0; state -= 1) {
    const base = Math.max(0, state - stepDown);
    const work = new Float64Array(state + stepUp - base + 1);
    const high = state + stepUp;
    work[0] = 1 - badRate;
    let constant = 1;
    if (high < limit) work[high - base] = badRate;
    for (let upper = Math.min(limit - 1, high); upper > state; upper -= 1) {
      const weight = work[upper - base] ?? 0;
      const row = rows[limit - 1 - upper];
      if (weight === 0 || row === undefined) continue;
      constant += weight * row.constant;
      for (let lower = upper - 1; lower >= base; lower -= 1) {
        work[lower - base] = (work[lower - base] ?? 0) + weight * (row.weights[upper - 1 - lower] ?? 0);
      }
    }
    const scale = 1 / (1 - (work[state - base] ?? 0));
    const weights = new Float64Array(width);
    for (let lower = state - 1; lower >= base; lower -= 1) weights[state - 1 - lower] = (work[lower - base] ?? 0) * scale;
    rows.push({ constant: constant * scale, weights });
  }
  return rows[limit - 1]?.constant ?? 1;
}

/** Siegmund's (1985) approximation of the run length, for a quick first bracket: h in log-likelihood units, drift per event. */
export function siegmundRunLength(limitScore: number, driftPerEvent: number, secondMoment: number): number {
  const delta = (2 * driftPerEvent) / secondMoment;
  if (Math.abs(delta * limitScore) < 1e-9) return limitScore ** 2 / secondMoment;
  return (Math.exp(-delta * limitScore) - 1 + delta * limitScore) / (driftPerEvent * delta);
}

const LIMIT_MAX = 4000;

/**
 * Solves the smallest limit whose false-alarm run length is at least `falseAlarmEvents`.
 * Throws RangeError when the rates are not 0 < base < changed < 1.
 */
export function designCusum(options: { baseRate: number; changedRate: number; falseAlarmEvents: number }): CusumDesign {
  const { baseRate, changedRate, falseAlarmEvents } = options;
  if (!(baseRate > 0 && changedRate > baseRate && changedRate < 1)) {
    throw new RangeError(`need 0 < baseRate < changedRate < 1, got ${baseRate} and ${changedRate}`);
  }
  const up = Math.log(changedRate / baseRate);
  const down = -Math.log((1 - changedRate) / (1 - baseRate));
  const steps = lattice(up, down);
  const at = (limit: number): number => averageRunLength({ ...steps, limit }, baseRate);
  let high = steps.stepUp;
  while (high < LIMIT_MAX && at(high) < falseAlarmEvents) high = Math.min(LIMIT_MAX, Math.ceil(high * 1.5) + 1);
  let low = 0;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (at(middle) >= falseAlarmEvents) high = middle;
    else low = middle;
  }
  return {
    baseRate,
    changedRate,
    ...steps,
    limit: high,
    averageRunLengthBase: at(high),
    averageRunLengthChanged: averageRunLength({ ...steps, limit: high }, changedRate),
  };
}

/** One event; pure. The caller compares `score >= design.limit`. */
export function cusumStep(design: Pick<CusumDesign, 'stepUp' | 'stepDown'>, state: CusumState, bad: boolean): CusumState {
  const score = Math.max(0, state.score + (bad ? design.stepUp : -design.stepDown));
  if (score === 0) return { score: 0, events: state.events + 1, eventsSinceZero: 0, badSinceZero: 0 };
  return {
    score,
    events: state.events + 1,
    eventsSinceZero: state.eventsSinceZero + 1,
    badSinceZero: state.badSinceZero + (bad ? 1 : 0),
  };
}
