// SPDX-License-Identifier: Apache-2.0
import { invalidFields, type FieldViolation } from '#libs/errors';

export type MonitorKind = 'drift' | 'quality' | 'no_data';

/** unknown: not enough seen yet to say anything. no_data: nothing came for too long, which is not healthy. */
export type MonitorState = 'unknown' | 'no_data' | 'ok' | 'alert';

/** How a monitor decides. All rates are shares (0..1). */
export interface MonitorConfig {
  /** The budget: how often the monitor may be wrong. Thresholds are solved from it. */
  falseAlarmsPerWeek: number;
  evaluateSeconds: number;
  /** Without a request (or rating) for this long the state is no_data. */
  noDataSeconds: number;
  severity: 'warning' | 'critical';
  /** Drift: first requests that become the reference, unless reference rows are given. */
  referenceCount: number;
  /** Drift: newest requests that are compared, and the fewest that are. */
  windowCount: number;
  windowMin: number;
  /** Drift: practical sizes. */
  stabilityMin: number;
  wordingMin: number;
  /** Quality: share of bad answers that is normal; null = estimated from the first `baselineCount` ratings. */
  baseRate: number | null;
  baselineCount: number;
  /** Quality: the rise of that share which the detector is tuned to. */
  rise: number;
  /** Quality: ratings expected per week, to turn the budget into a run length. */
  eventsPerWeek: number;
}

export const MONITOR_CONFIG_DEFAULT: MonitorConfig = {
  falseAlarmsPerWeek: 0.1,
  evaluateSeconds: 30,
  noDataSeconds: 900,
  severity: 'warning',
  referenceCount: 500,
  windowCount: 300,
  windowMin: 150,
  stabilityMin: 0.1,
  wordingMin: 0.6,
  baseRate: null,
  baselineCount: 100,
  rise: 0.1,
  eventsPerWeek: 10_000,
};

export interface Monitor {
  workspace: string;
  id: string;
  name: string;
  kind: MonitorKind;
  endpoint: string;
  modelName: string;
  /** Feedback metric of a quality monitor. */
  metric: string;
  config: MonitorConfig;
  state: MonitorState;
  stateReason: string;
  stateTime: Date;
  /** What was learned from the reference: rates, detector design, until when it was collected. */
  baseline: MonitorBaseline;
  /** Figures of the last evaluation, as JSON. */
  lastEvaluation: Record<string, unknown>;
  /** Nothing older counts. */
  observeFrom: Date;
  evaluateTime: Date;
  version: number;
  createTime: Date;
  updateTime: Date;
}

export interface MonitorBaseline {
  /** Drift: number of reference rows; given = they came with the monitor, collected = from traffic. */
  referenceCount?: number;
  referenceSource?: 'given' | 'collected';
  /** Requests or ratings after this time are current. */
  until?: string;
  /** Quality. */
  baseRate?: number;
  baseRateEvents?: number;
}

/** An alert as an evaluation asks for it. */
export interface AlertDraft {
  kind: MonitorKind;
  direction: string;
  effect: number;
  pValue: number;
  summary: string;
  sampleInferenceIds: string[];
  details: Record<string, unknown>;
}

/** What one evaluation says. `alert` present = firing. */
export interface Evaluation {
  state: MonitorState;
  stateReason: string;
  alert?: AlertDraft;
  /** Enough clean evaluations in a row to resolve a firing alert. */
  clean?: boolean;
  baseline?: MonitorBaseline;
  figures: Record<string, unknown>;
}

interface Bound {
  min: number;
  max: number;
  whole?: boolean;
}

const BOUNDS: Record<Exclude<keyof MonitorConfig, 'severity'>, Bound> = {
  falseAlarmsPerWeek: { min: 1e-6, max: 1000 },
  evaluateSeconds: { min: 1, max: 86_400, whole: true },
  noDataSeconds: { min: 1, max: 7 * 86_400, whole: true },
  referenceCount: { min: 50, max: 5000, whole: true },
  windowCount: { min: 50, max: 5000, whole: true },
  windowMin: { min: 50, max: 5000, whole: true },
  stabilityMin: { min: 0, max: 10 },
  wordingMin: { min: 0.5, max: 1 },
  baseRate: { min: 0.001, max: 0.95 },
  baselineCount: { min: 20, max: 10_000, whole: true },
  rise: { min: 0.01, max: 0.9 },
  eventsPerWeek: { min: 100, max: 1e9 },
};

/** Checks the settings of a monitor and fills in the defaults; throws INVALID_ARGUMENT naming `config.<field>`. */
export function parseMonitorConfig(given: Record<string, unknown>): MonitorConfig {
  const faults: FieldViolation[] = [];
  const config: Record<string, unknown> = { ...MONITOR_CONFIG_DEFAULT };
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined || (field === 'baseRate' && value === null)) continue;
    const bound = BOUNDS[field as keyof typeof BOUNDS] as Bound | undefined;
    if (field === 'severity') {
      if (value !== 'warning' && value !== 'critical')
        faults.push({ field: 'config.severity', message: 'must be warning or critical' });
    } else if (!bound) {
      faults.push({ field: `config.${field}`, message: 'unknown field' });
    } else if (
      typeof value !== 'number' ||
      !(value >= bound.min && value <= bound.max) ||
      (bound.whole && !Number.isInteger(value))
    ) {
      faults.push({
        field: `config.${field}`,
        message: `must be a ${bound.whole ? 'whole ' : ''}number from ${bound.min} to ${bound.max}`,
      });
    }
    config[field] = value;
  }
  const checked = config as unknown as MonitorConfig;
  if (faults.length === 0 && checked.windowMin > checked.windowCount) {
    faults.push({ field: 'config.windowMin', message: 'must not exceed config.windowCount' });
  }
  if (faults.length === 0 && (checked.baseRate ?? 0) + checked.rise >= 1) {
    faults.push({ field: 'config.rise', message: 'baseRate + rise must stay below 1' });
  }
  if (faults.length > 0) throw invalidFields(...faults);
  return checked;
}
