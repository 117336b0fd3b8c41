// SPDX-License-Identifier: Apache-2.0
import { histogramQuantile } from '../statistics/log2-histogram';
import { isFailure, rollUp, type RollupRequest } from './minute-rollup';

describe('minute rollup', () => {
  const request = (changes: Partial<RollupRequest>): RollupRequest => ({
    workspace: 'default',
    endpoint: 'triage',
    modelName: 'glossary',
    modelVersion: 1,
    arm: 'none',
    requestTime: new Date('2026-11-23T10:00:59.999Z'),
    failed: false,
    promptTokens: 20,
    completionTokens: 2,
    latencyMs: 8,
    ...changes,
  });

  it('adds up per minute, version, endpoint, arm and workspace', () => {
    const rollups = rollUp([
      request({}),
      request({ latencyMs: 80, failed: true }),
      request({ requestTime: new Date('2026-11-23T10:01:00.000Z') }),
      request({ modelVersion: 2, arm: 'candidate' }),
      request({ workspace: 'other' }),
    ]);
    expect(rollups).toHaveLength(4);
    expect(rollups[0]).toMatchObject({ requests: 2, failures: 1, promptTokens: 40, latencyMsSum: 88 });
    expect(rollups[0]?.minute.toISOString()).toBe('2026-11-23T10:00:00.000Z');
    expect(histogramQuantile(rollups[0]?.latencyMsHistogram ?? [], 1)).toBeCloseTo(80, -0.5);
    expect(rollups.map((each) => each.workspace)).toEqual(['default', 'default', 'default', 'other']);
  });

  it('counts only failures of our side', () => {
    expect([200, 400, 429, 500, 503, 0].map(isFailure)).toEqual([false, false, false, true, true, true]);
  });
});
