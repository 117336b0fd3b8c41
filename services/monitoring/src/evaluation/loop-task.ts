// SPDX-License-Identifier: Apache-2.0

/** What one pass of the evaluation loop does, in order. */
export const loopTasks = [
  'find-work',
  'join-feedback',
  'review-raters',
  'evaluate-monitors',
  'judge-rollouts',
  'propose-retraining',
  'prune-history',
] as const;
export type LoopTask = (typeof loopTasks)[number];
