// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import { alphaFromBudget } from '../statistics/false-alarm-budget';
import { detectDrift, type DriftFinding, type DriftRow } from './drift-detection';
import type { AlertDraft, Evaluation, Monitor } from './monitor';
import { MonitorsRepository, type TimedRow } from './monitors.repository';

const FEATURES = 3;
const SECONDS_PER_WEEK = 604_800;
/** Clean evaluations in a row that end an alert: one quiet window may be luck. */
const CLEAN_EVALUATIONS = 3;

/** One evaluation of a drift monitor: collect the reference if there is none, then compare the newest window with it. */
@Injectable()
export class EvaluateDrift {
  constructor(private readonly monitors: MonitorsRepository) {}

  async execute(tx: Transaction, monitor: Monitor): Promise<Evaluation> {
    const { config } = monitor;
    let baseline = monitor.baseline;
    let reference = await this.monitors.referenceRows(tx, monitor);
    if (reference.length === 0) {
      const collected = await this.monitors.requests(tx, monitor, {
        after: monitor.observeFrom,
        which: 'oldest',
        rowsMax: config.referenceCount,
      });
      if (collected.length < config.referenceCount) return collecting(monitor, collected.length);
      await this.monitors.putReferenceRows(tx, monitor, collected);
      reference = collected;
      const until = collected[collected.length - 1]?.requestTime.toISOString();
      baseline = { referenceCount: collected.length, referenceSource: 'collected', ...(until ? { until } : {}) };
    }
    const after = baseline.until ? new Date(baseline.until) : monitor.observeFrom;
    const current = await this.monitors.requests(tx, monitor, { after, which: 'newest', rowsMax: config.windowCount });
    return { ...compare(monitor, reference, current), baseline };
  }
}

function collecting(monitor: Monitor, rows: number): Evaluation {
  const stateReason = `collecting the reference: ${rows} of ${monitor.config.referenceCount} requests`;
  return { state: 'unknown', stateReason, figures: { referenceRows: rows } };
}

function compare(monitor: Monitor, reference: readonly DriftRow[], current: readonly TimedRow[]): Evaluation {
  const { config, lastEvaluation } = monitor;
  const lastRowId = current[current.length - 1]?.id;
  if (current.length < config.windowMin || lastRowId === undefined) {
    const stateReason = `waiting for requests: ${current.length} of at least ${config.windowMin}`;
    return { state: 'unknown', stateReason, figures: { windowRows: current.length } };
  }
  // The same window again is not a new test.
  if (lastEvaluation['lastRowId'] === lastRowId) {
    return {
      state: monitor.state === 'no_data' ? 'unknown' : monitor.state,
      stateReason: monitor.stateReason,
      figures: lastEvaluation,
    };
  }
  const alpha = alphaFromBudget(config.falseAlarmsPerWeek, (SECONDS_PER_WEEK / config.evaluateSeconds) * FEATURES);
  const { stabilityMin, wordingMin } = config;
  const findings = detectDrift(reference, current, { alpha, stabilityMin, wordingMin, bins: 10 });
  const drifted = findings.filter((finding) => finding.drifted);
  const cleanEvaluations = drifted.length > 0 ? 0 : Number(lastEvaluation['cleanEvaluations'] ?? 0) + 1;
  const figures = { lastRowId, alpha, findings, cleanEvaluations, referenceRows: reference.length, windowRows: current.length };
  if (drifted.length === 0) {
    return { state: 'ok', stateReason: 'no drift', clean: cleanEvaluations >= CLEAN_EVALUATIONS, figures };
  }
  const alert = toAlert(monitor, drifted, figures);
  return { state: 'alert', stateReason: alert.summary, alert, figures };
}

function toAlert(monitor: Monitor, drifted: readonly DriftFinding[], figures: Record<string, unknown>): AlertDraft {
  const strongest = [...drifted].sort((left, right) => right.effect / right.cut - left.effect / left.cut)[0];
  const say = (finding: DriftFinding): string => {
    const name = finding.statistic === 'classifier_auc' ? 'AUC' : 'PSI';
    return `${finding.feature}: ${finding.direction} (${name} ${finding.effect.toFixed(2)}, cut ${finding.cut.toFixed(2)})`;
  };
  return {
    kind: 'drift',
    direction: drifted.map((finding) => finding.direction).join('; '),
    effect: strongest?.effect ?? 0,
    pValue: Math.min(...drifted.map((finding) => finding.probability)),
    summary: `traffic of ${monitor.endpoint} drifted: ${drifted.map(say).join('; ')}`,
    sampleInferenceIds: [...new Set(drifted.flatMap((finding) => finding.sampleIds))].slice(0, 10),
    details: figures,
  };
}
