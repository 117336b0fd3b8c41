// SPDX-License-Identifier: Apache-2.0

/** When retraining is proposed. A proposal, not a decision: drift can call for a candidate, it cannot show that one is better. */
export interface ProposalPolicy {
  /** Drift or quality alarms propose only when this many accepted corrections wait: before, there is nothing to learn from. */
  correctionsMin: number;
  /** This many waiting corrections propose without any alarm. */
  volumeMin: number;
}

/** What is known about one model when the question is asked. */
export interface ProposalFacts {
  openAlerts: { alertId: string; kind: string; summary: string }[];
  /** Accepted, not retracted corrections since the last accepted proposal. */
  corrections: number;
  /** Those of them whose raters were judged since. */
  reviewedCorrections: number;
}

/** Most of what would be learned must come from raters who were judged: a burst of lies must not start a training. */
const REVIEWED_SHARE_MIN = 0.8;

/** Reasons of a proposal, each naming its alert or figure; empty = propose nothing. */
export function proposalReasons(facts: ProposalFacts, policy: ProposalPolicy): string[] {
  const reasons: string[] = [];
  if (facts.reviewedCorrections < REVIEWED_SHARE_MIN * facts.corrections) return reasons;
  if (facts.corrections >= policy.correctionsMin) {
    for (const alert of facts.openAlerts) {
      if (alert.kind === 'drift' || alert.kind === 'quality')
        reasons.push(`${alert.kind}: ${alert.summary} (alert ${alert.alertId})`);
    }
  }
  if (facts.corrections >= policy.volumeMin) reasons.push(`volume: ${facts.corrections} accepted corrections wait`);
  return reasons;
}
