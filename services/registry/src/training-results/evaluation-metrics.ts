// SPDX-License-Identifier: Apache-2.0
import type { Evaluation } from '../evaluations/evidence';
import type { Metric } from '../runs/run';
import { safeKey } from './job-run';

/** Measurements as metrics of a run: `<slice>.<metric>`, at step 0 and the time of the evaluation. */
export function evaluationMetricsOf(evaluations: readonly Evaluation[]): Metric[] {
  return evaluations.map(({ slice, metric, value, endTime }) => ({
    key: safeKey(`${slice}.${metric}`),
    value,
    timestampMs: endTime.getTime(),
    step: 0,
  }));
}
