// SPDX-License-Identifier: Apache-2.0
import { Injectable } from '@nestjs/common';
import type { Transaction } from '#libs/persistence';
import type { Evaluation, Monitor, MonitorBaseline } from './monitor';
import { MonitorsRepository, type RatedEvent } from './monitors.repository';
import { detectQuality, estimateBaseRate, qualityDesign } from './quality-detection';

/** Ratings that one evaluation reads: more than any detector needs to fire. */
const EVENTS_MAX = 20_000;

/** One evaluation of a quality monitor: the CUSUM over all accepted ratings since the baseline. */
@Injectable()
export class EvaluateQuality {
  constructor(private readonly monitors: MonitorsRepository) {}

  async execute(tx: Transaction, monitor: Monitor): Promise<Evaluation> {
    const baseline = monitor.baseline.baseRate === undefined ? await this.learn(tx, monitor) : monitor.baseline;
    if (typeof baseline === 'number') {
      const stateReason = `learning the base rate: ${baseline} of ${monitor.config.baselineCount} ratings`;
      return { state: 'unknown', stateReason, figures: { ratings: baseline } };
    }
    const after = baseline.until ?? monitor.observeFrom.toISOString();
    const events = await this.monitors.ratedEvents(tx, monitor, { after, rowsMax: EVENTS_MAX });
    return { ...judge(monitor, baseline.baseRate ?? 0, events), baseline };
  }

  // The baseline, or the number of ratings seen so far while they are too few.
  private async learn(tx: Transaction, monitor: Monitor): Promise<MonitorBaseline | number> {
    const { baseRate, baselineCount } = monitor.config;
    if (baseRate !== null) return { baseRate, until: monitor.observeFrom.toISOString() };
    const first = await this.monitors.ratedEvents(tx, monitor, {
      after: monitor.observeFrom.toISOString(),
      rowsMax: baselineCount,
    });
    const last = first[first.length - 1];
    if (first.length < baselineCount || !last) return first.length;
    const bad = first.filter((event) => !event.good).length;
    return { baseRate: estimateBaseRate(bad, first.length), baseRateEvents: first.length, until: last.matchTime };
  }
}

function judge(monitor: Monitor, baseRate: number, events: readonly RatedEvent[]): Evaluation {
  const { rise, falseAlarmsPerWeek, eventsPerWeek } = monitor.config;
  const design = qualityDesign({ baseRate, rise, falseAlarmsPerWeek, eventsPerWeek });
  const found = detectQuality(
    events.map((event) => !event.good),
    design,
  );
  const figures = { ...found, baseRate };
  if (found.alarmIndex < 0) {
    const state = events.length === 0 ? 'unknown' : 'ok';
    return { state, stateReason: events.length === 0 ? 'no ratings yet' : 'no change', clean: true, figures };
  }
  const percent = (share: number): string => `${(share * 100).toFixed(0)}%`;
  const since = events[found.changeIndex]?.matchTime ?? '';
  const direction = `bad answers rose from ${percent(baseRate)} to ${percent(found.rateSinceChange)}`;
  const summary = `quality of ${monitor.endpoint} fell: ${direction} since about ${since} (${events.length - found.changeIndex} ratings)`;
  return {
    state: 'alert',
    stateReason: summary,
    alert: {
      kind: 'quality',
      direction,
      effect: found.rateSinceChange - baseRate,
      pValue: 0,
      summary,
      sampleInferenceIds: events
        .slice(found.changeIndex)
        .filter((event) => !event.good)
        .slice(-10)
        .map((event) => event.inferenceId),
      details: figures,
    },
    figures,
  };
}
