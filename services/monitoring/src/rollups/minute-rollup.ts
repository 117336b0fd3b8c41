// SPDX-License-Identifier: Apache-2.0
import { addToHistogram } from '../statistics/log2-histogram';

/** What one finished request adds to its minute. */
export interface RollupRequest {
  workspace: string;
  endpoint: string;
  modelName: string;
  modelVersion: number;
  /** none, control or candidate. */
  arm: string;
  requestTime: Date;
  /** The model or the platform failed: 5xx, or no answer at all. A caller's mistake (4xx) is no failure of the model. */
  failed: boolean;
  promptTokens: number;
  completionTokens: number;
  latencyMs: number;
}

/** Sums of one minute of one workspace, endpoint, model version and arm. Two of them merge by addition. */
export interface MinuteRollup {
  workspace: string;
  minute: Date;
  endpoint: string;
  modelName: string;
  modelVersion: number;
  arm: string;
  requests: number;
  failures: number;
  promptTokens: number;
  completionTokens: number;
  latencyMsSum: number;
  /** log2 histograms (see statistics/log2-histogram.ts). */
  latencyMsHistogram: number[];
  completionTokensHistogram: number[];
}

export function isFailure(statusCode: number): boolean {
  return statusCode === 0 || statusCode >= 500;
}

/** Adds a batch up, in the order of its keys: writers that upsert in one order cannot deadlock each other. */
export function rollUp(requests: readonly RollupRequest[]): MinuteRollup[] {
  const rollups = new Map<string, MinuteRollup>();
  for (const request of requests) {
    const minute = Math.floor(request.requestTime.getTime() / 60_000) * 60_000;
    const key = [request.workspace, minute, request.endpoint, request.modelName, request.modelVersion, request.arm].join(
      '\u0000',
    );
    let rollup = rollups.get(key);
    if (!rollup) {
      rollup = emptyRollup(request, new Date(minute));
      rollups.set(key, rollup);
    }
    rollup.requests += 1;
    rollup.failures += request.failed ? 1 : 0;
    rollup.promptTokens += request.promptTokens;
    rollup.completionTokens += request.completionTokens;
    rollup.latencyMsSum += request.latencyMs;
    addToHistogram(rollup.latencyMsHistogram, request.latencyMs);
    addToHistogram(rollup.completionTokensHistogram, request.completionTokens);
  }
  return [...rollups.entries()].sort((left, right) => (left[0] < right[0] ? -1 : 1)).map((entry) => entry[1]);
}

function emptyRollup(request: RollupRequest, minute: Date): MinuteRollup {
  const { workspace, endpoint, modelName, modelVersion, arm } = request;
  return {
    workspace,
    minute,
    endpoint,
    modelName,
    modelVersion,
    arm,
    requests: 0,
    failures: 0,
    promptTokens: 0,
    completionTokens: 0,
    latencyMsSum: 0,
    latencyMsHistogram: [],
    completionTokensHistogram: [],
  };
}
