// SPDX-License-Identifier: Apache-2.0
import { CUSUM_START, cusumStep, designCusum, type CusumDesign } from '../statistics/bernoulli-cusum';
import { averageRunLengthFromBudget } from '../statistics/false-alarm-budget';

/** What a run of the CUSUM over all ratings of a period shows. */
export interface QualityFinding {
  design: CusumDesign;
  events: number;
  score: number;
  /** Index of the rating that crossed the limit first; -1 = none did. */
  alarmIndex: number;
  /** Estimated start of the change (index after the score was last zero before the alarm) and the rate since. */
  changeIndex: number;
  rateSinceChange: number;
}

/** Designs depend on three numbers only and take up to a second to solve: kept, bounded. */
const designs = new Map<string, CusumDesign>();
const DESIGNS_MAX = 64;

export function qualityDesign(options: {
  baseRate: number;
  rise: number;
  falseAlarmsPerWeek: number;
  eventsPerWeek: number;
}): CusumDesign {
  const baseRate = Math.min(0.9, Math.max(0.005, Math.round(options.baseRate * 1000) / 1000));
  const changedRate = Math.min(0.98, baseRate + options.rise);
  const falseAlarmEvents = averageRunLengthFromBudget(options.falseAlarmsPerWeek, options.eventsPerWeek);
  const key = `${baseRate}/${changedRate}/${falseAlarmEvents}`;
  const kept = designs.get(key);
  if (kept) return kept;
  const design = designCusum({ baseRate, changedRate, falseAlarmEvents });
  if (designs.size >= DESIGNS_MAX) designs.clear();
  designs.set(key, design);
  return design;
}

/**
 * Base rate from a first sample: the estimate plus one standard error, so that a lucky sample does not turn normal quality into
 * an alarm (the detector is a little slower in exchange).
 */
export function estimateBaseRate(bad: number, events: number): number {
  const rate = (bad + 1) / (events + 2);
  return Math.min(0.95, rate + Math.sqrt((rate * (1 - rate)) / events));
}

/** Runs the CUSUM from zero over the ratings (true = bad) in order. Recomputed each time, so that retracted ratings vanish from it. */
export function detectQuality(bad: readonly boolean[], design: CusumDesign): QualityFinding {
  let state = CUSUM_START;
  let alarmIndex = -1;
  let changeIndex = 0;
  let zeroIndex = 0;
  bad.forEach((isBad, index) => {
    state = cusumStep(design, state, isBad);
    if (state.score === 0) zeroIndex = index + 1;
    if (alarmIndex < 0 && state.score >= design.limit) {
      alarmIndex = index;
      changeIndex = zeroIndex;
    }
  });
  const since = bad.slice(alarmIndex < 0 ? zeroIndex : changeIndex);
  const rateSinceChange = since.length === 0 ? 0 : since.filter(Boolean).length / since.length;
  return { design, events: bad.length, score: state.score, alarmIndex, changeIndex, rateSinceChange };
}
