// SPDX-License-Identifier: Apache-2.0

/** One metric of one model on one slice of held-out rows. */
export interface Evaluation {
  manifestDigest: string;
  slice: string;
  metric: string;
  evaluationJobId: string;
  value: number;
  low: number;
  high: number;
  confidence: number;
  rows: number;
  datasetVersionId: string;
  /** sha256 of the rows: evidence counts only against evidence on the same rows. */
  contentDigest: string;
  baselines: Record<string, number>;
  scorerVersion: string;
  endTime: Date;
}

/** What a policy asks of a version before an alias moves to it. */
export interface EvidenceRule {
  slice: string;
  metric: string;
  /** Lowest value; ignored when 0. */
  valueMin: number;
  /** Largest drop against the version that the alias points to, on the same rows; ignored when negative. */
  dropMax: number;
}

export interface EvidenceFinding {
  kind: 'missing' | 'failed';
  /** For people, with figures: `period-1/accuracy 0.52 is below 0.6`. */
  text: string;
}

/**
 * Checks the rules against what was measured, newest measurement first in both lists. `current` is the version that the alias
 * points to; undefined = the alias points nowhere, and a drop means nothing.
 */
export function checkEvidence(
  rules: readonly EvidenceRule[],
  candidate: readonly Evaluation[],
  current: readonly Evaluation[] | undefined,
): EvidenceFinding[] {
  return rules.flatMap((rule) => checkRule(rule, candidate, current));
}

function checkRule(
  rule: EvidenceRule,
  candidate: readonly Evaluation[],
  current: readonly Evaluation[] | undefined,
): EvidenceFinding[] {
  const name = `${rule.slice}/${rule.metric}`;
  const measured = candidate.find((one) => one.slice === rule.slice && one.metric === rule.metric);
  if (!measured) return [{ kind: 'missing', text: `${name} was never measured on this version` }];
  const findings: EvidenceFinding[] = [];
  if (rule.valueMin !== 0 && !(measured.value >= rule.valueMin)) {
    findings.push({ kind: 'failed', text: `${name} ${figure(measured)} is below ${rule.valueMin}` });
  }
  if (rule.dropMax < 0 || current === undefined) return findings;
  const before = current.find(
    (one) => one.slice === rule.slice && one.metric === rule.metric && one.contentDigest === measured.contentDigest,
  );
  if (!before) {
    return [...findings, { kind: 'missing', text: `${name} of the current version was not measured on the same rows` }];
  }
  // A rounding error must not turn "equal" into a drop.
  if (!(measured.value >= before.value - rule.dropMax - 1e-12)) {
    const text = `${name} ${figure(measured)} is more than ${rule.dropMax} below the current version's ${figure(before)}`;
    findings.push({ kind: 'failed', text });
  }
  return findings;
}

function figure({ value, low, high, rows }: Evaluation): string {
  const round = (number: number): number => Math.round(number * 10_000) / 10_000;
  return `${round(value)} [${round(low)}, ${round(high)}] on ${rows} rows`;
}
