// SPDX-License-Identifier: Apache-2.0
import type { FeedbackValue } from './feedback-draft';

/** What a feedback metric means: which values are good, and which corrections are possible. Declared once per workspace. */
export interface MetricDefinition {
  name: string;
  /** Values that are good. Empty = `true` is good. */
  goodValues: FeedbackValue[];
  /** For numbers: good from here up; null = numbers say nothing. */
  goodAtLeast: number | null;
  /** Labels that a correction may name; empty = any text. */
  labels: string[];
}

export function defaultMetric(name: string): MetricDefinition {
  return { name, goodValues: [], goodAtLeast: null, labels: [] };
}

/** Whether a value is good (true), bad (false) or says neither (null). */
export function isGood(definition: MetricDefinition, value: FeedbackValue): boolean | null {
  if (typeof value === 'number') return definition.goodAtLeast === null ? null : value >= definition.goodAtLeast;
  if (definition.goodValues.length > 0) return definition.goodValues.includes(value);
  return typeof value === 'boolean' ? value : null;
}

/** Labels are compared without case and outer space. */
export function normalLabel(label: string): string {
  return label.trim().toLowerCase();
}

/** False for a correction that is not among the labels of the metric. */
export function isPossible(definition: MetricDefinition, correction: string): boolean {
  if (correction === '' || definition.labels.length === 0) return true;
  return definition.labels.some((label) => normalLabel(label) === normalLabel(correction));
}
