// SPDX-License-Identifier: Apache-2.0
import type { VerdictInput, VerdictResult } from './rollout-verdict';

/** One line for people with the figures that decided. */
export function describeVerdict(result: VerdictResult, input: VerdictInput): string {
  const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;
  const { quality, look } = result;
  const counts = (side: 'stable' | 'canary'): string => {
    const total = input.quality.reduce((sum, stage) => sum + stage[side].count, 0);
    const good = input.quality.reduce((sum, stage) => sum + stage[side].good, 0);
    return `${good} of ${total} good`;
  };
  const arms = `candidate ${counts('canary')}, control ${counts('stable')}`;
  if (result.outcome === 'rollback') {
    const harmful = result.harm
      .filter((check) => check.harmful)
      .map(
        (check) => `${check.name} is worse by ${percent(-check.difference)} (at least ${percent(-check.upper)}, at every time)`,
      );
    return `rollback: ${harmful.join('; ')}; ${arms}`;
  }
  if (!look || !quality) return `hold: ${result.reasons.join(', ')}; ${arms}`;
  const z = look.zNonInferior.toFixed(2);
  const figures = `look ${look.number} of ${look.of}, z ${z} against ${look.boundary.toFixed(2)}, difference ${percent(quality.difference)}`;
  if (result.outcome === 'promote') {
    const kind = result.reasons.includes('superior') ? 'better' : `not worse by ${percent(input.policy.margin)}`;
    return `promote: the candidate is ${kind}; ${figures}; ${arms}`;
  }
  return `hold: ${result.reasons.join(', ')}; ${figures}; ${arms}`;
}
