// SPDX-License-Identifier: Apache-2.0

/** Kinds of steady traffic through the public doors. */
export const trafficKinds = ['feedback', 'uploads', 'inferences', 'aliases', 'jobs'] as const;
export type TrafficKind = (typeof trafficKinds)[number];

/** What one request came to. `unknown`: nobody ever said whether it was done. */
export interface Operation {
  kind: TrafficKind;
  requestId: string;
  outcome: 'acknowledged' | 'refused' | 'unknown';
  /** Why it was refused, or why the last try failed. */
  code?: string;
  ids: Record<string, string | number | boolean>;
  tries: number;
  startedMs: number;
  endedMs: number;
}
