// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import { Clock } from '#libs/clock';
import type { Transaction } from '#libs/persistence';
import { FireAlert } from '../alerts/fire-alert';
import { ResolveAlert } from '../alerts/resolve-alert';
import { databaseTime } from '../database-time';
import { DueRows } from '../evaluation/due-rows';
import { MonitoringMetrics } from '../monitoring.metrics';
import { EvaluateDrift } from './evaluate-drift';
import { EvaluateQuality } from './evaluate-quality';
import type { Evaluation, Monitor } from './monitor';
import { MonitorsRepository } from './monitors.repository';

const MONITORS_PER_PASS = 200;

/**
 * Evaluates the monitors that are due. Each is claimed by its row lock (skip locked) for one short transaction that also holds
 * its new state, alert and event: any number of replicas may run this, and a killed one leaves the monitor due.
 */
@Injectable()
export class EvaluateMonitors {
  constructor(
    private readonly dueRows: DueRows,
    private readonly monitors: MonitorsRepository,
    private readonly evaluateDrift: EvaluateDrift,
    private readonly evaluateQuality: EvaluateQuality,
    private readonly fireAlert: FireAlert,
    private readonly resolveAlert: ResolveAlert,
    private readonly clock: Clock,
    private readonly metrics: MonitoringMetrics,
  ) {}

  /** Returns how many were evaluated. */
  async execute(): Promise<number> {
    return this.dueRows.workOn({
      task: 'evaluate-monitors',
      rowsMax: MONITORS_PER_PASS,
      claim: (tx) => this.monitors.claimDue(tx),
      work: (tx, monitor) => this.evaluateOne(tx, monitor),
      putOff: (tx, monitor, code) => this.monitors.putOff(tx, monitor, `could not be evaluated: ${code}`),
    });
  }

  private async evaluateOne(tx: Transaction, monitor: Monitor): Promise<void> {
    const now = await databaseTime(tx);
    const started = this.clock.monotonicMs();
    const evaluation = await this.evaluate(tx, monitor, now);
    await this.apply(tx, monitor, evaluation);
    const changed = monitor.state !== evaluation.state;
    await this.monitors.save(tx, {
      ...monitor,
      state: evaluation.state,
      stateReason: evaluation.stateReason,
      stateTime: changed ? now : monitor.stateTime,
      baseline: evaluation.baseline ?? monitor.baseline,
      lastEvaluation: evaluation.figures,
      evaluateTime: new Date(now.getTime() + monitor.config.evaluateSeconds * 1000),
    });
    this.metrics.monitorEvaluations.inc({ kind: monitor.kind, state: evaluation.state });
    this.metrics.monitorEvaluationSeconds.observe({ kind: monitor.kind }, (this.clock.monotonicMs() - started) / 1000);
  }

  private async evaluate(tx: Transaction, monitor: Monitor, now: Date): Promise<Evaluation> {
    const last = await this.monitors.lastRequestTime(tx, monitor);
    const quietSince = last && last > monitor.observeFrom ? last : monitor.observeFrom;
    const quietSeconds = (now.getTime() - quietSince.getTime()) / 1000;
    if (quietSeconds > monitor.config.noDataSeconds) return silence(monitor, quietSince);
    if (monitor.kind === 'drift') return this.evaluateDrift.execute(tx, monitor);
    if (monitor.kind === 'quality') return this.evaluateQuality.execute(tx, monitor);
    return { state: last ? 'ok' : 'unknown', stateReason: last ? 'requests arrive' : 'no request yet', clean: true, figures: {} };
  }

  private async apply(tx: Transaction, monitor: Monitor, evaluation: Evaluation): Promise<void> {
    if (evaluation.alert) await this.fireAlert.execute(tx, monitor, evaluation.alert);
    else if (evaluation.clean) await this.resolveAlert.execute(tx, monitor, 'the monitor is quiet again');
  }
}

// No data is a state of its own: a firing alert stays firing, because silence is no sign of health. Only a monitor of kind
// no_data fires on it.
function silence(monitor: Monitor, since: Date): Evaluation {
  const summary = `no request for ${monitor.endpoint} since ${since.toISOString()}`;
  const base: Evaluation = { state: 'no_data', stateReason: summary, figures: monitor.lastEvaluation };
  if (monitor.kind !== 'no_data') return base;
  const alert = { direction: 'requests stopped', effect: 0, pValue: 0, summary, sampleInferenceIds: [], details: {} };
  return { ...base, alert: { kind: 'no_data', ...alert } };
}
